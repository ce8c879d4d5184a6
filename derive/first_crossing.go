package derive

import (
	"math"
	"slices"
)

// Operators lists the sites of a block in the order of its forward pass: pre-norm, attention, then the MLP.
var Operators = []string{
	"resid_pre", "norm1.out", "q", "k", "v", "attn.out", "resid_mid",
	"norm2.out", "mlp.gate", "mlp.up", "mlp.act", "mlp.down_in", "mlp.out", "resid_post",
}

// Thresholds of the ratio top-1 over median, by step of growth; 1000 is that of the strict definition (arXiv
// 2402.17762).
var Thresholds = []int{10, 20, 50, 100, 1000}

// Growths are multiples of the ratio that the same operator of the same block had at step 0.
var Growths = []int{2, 3, 5, 10}

var firstCrossing = Quantity{Name: "first_crossing", Formula: "first step, and at it first operator in the forward " +
	"pass, with ratio_mean > threshold",
	Source: "after 2505.21670", Unit: "ratio", Needs: []Need{{"", "ratio_mean"}},
	Columns: []string{"threshold", "step", "layer", "site", "ratio_mean", "operators"},
	Compute: func(rows []Row) [][]any { return firstRows(rows, Thresholds) }}

var firstGrowth = Quantity{Name: "first_growth", Formula: "first step, and at it first operator in the forward " +
	"pass, with ratio_mean > multiple of its own at step 0",
	Source: "after 2505.21670", Unit: "ratio over its own at step 0", Needs: []Need{{"", "ratio_mean"}}, Grows: true,
	Columns: []string{"multiple", "step", "layer", "site", "growth", "operators"},
	Compute: func(rows []Row) [][]any { return firstRows(Growth(rows, "ratio_mean"), Growths) }}

// firstRows has a row for each threshold, empty where nothing crosses it.
func firstRows(rows []Row, thresholds []int) (table [][]any) {
	for _, threshold := range thresholds {
		row := []any{threshold, nil, nil, nil, nil, OperatorsOf(rows, "ratio_mean")}
		if all := FirstCrossings(rows, "ratio_mean", float64(threshold)); len(all) > 0 {
			c := all[0]
			row = []any{threshold, c.Step, c.Layer, c.Site, c.Value, OperatorsOf(rows, "ratio_mean")}
		}
		table = append(table, row)
	}
	return table
}

// Crossing is where a ratio first exceeded a threshold.
type Crossing struct {
	Step, Layer int
	Site        string
	Value       float64
}

// FirstCrossings returns, for each step at which any does, the first operator to exceed the threshold in the order of
// the forward pass: layer by layer, in each the sites as Operators has them (after arXiv 2505.21670). The first of the
// result is the first in training. Rows of statistic are a number a layer, as ratio_mean. Sites outside the blocks,
// sites that Operators does not list, and ratios that are not finite are passed over: a median of 0 is a sparse
// operator's (ReLU), and says nothing of its largest.
func FirstCrossings(rows []Row, statistic string, threshold float64) []Crossing {
	first := map[int]Row{}
	for _, r := range pick(rows, "", statistic) {
		if !isOperator(r) || math.IsInf(r.Value, 0) || !(r.Value > threshold) {
			continue
		}
		if old, ok := first[r.Step]; !ok || depth(r) < depth(old) {
			first[r.Step] = r
		}
	}
	var all []Crossing
	for _, r := range first {
		all = append(all, Crossing{r.Step, r.Layer, r.Site, r.Value})
	}
	slices.SortFunc(all, func(a, b Crossing) int { return a.Step - b.Step })
	return all
}

// Growth divides each row of a statistic by the same operator's of the same layer at step 0. Rows that have none there,
// or a 0, are left out. An operator whose ratio is large from the start, as a sparse activation's, is so held against
// itself.
func Growth(rows []Row, statistic string) []Row {
	type place struct {
		site             string
		layer, head, idx int
	}
	all := pick(rows, "", statistic)
	start := map[place]float64{}
	for _, r := range all {
		if r.Step == 0 {
			start[place{r.Site, r.Layer, r.Head, r.Idx}] = r.Value
		}
	}
	var grown []Row
	for _, r := range all {
		if s, ok := start[place{r.Site, r.Layer, r.Head, r.Idx}]; ok && s != 0 {
			r.Value /= s
			grown = append(grown, r)
		}
	}
	return grown
}

// OperatorsOf counts the operators that have rows of a statistic: where resid_post alone has, it is the first to cross
// in each layer.
func OperatorsOf(rows []Row, statistic string) int {
	seen := map[string]bool{}
	for _, r := range pick(rows, "", statistic) {
		if isOperator(r) {
			seen[r.Site] = true
		}
	}
	return len(seen)
}

func isOperator(r Row) bool { return r.Layer >= 0 && slices.Contains(Operators, r.Site) }

// depth is a row's place in the forward pass.
func depth(r Row) int { return r.Layer*len(Operators) + slices.Index(Operators, r.Site) }
