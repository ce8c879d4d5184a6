package derive

import (
	"math"
	"slices"
)

// Operators lists the sites of a block in the order of the forward pass: pre-norm, attention, then the MLP.
var Operators = []string{
	"resid_pre", "norm1.out", "q", "k", "v", "attn.out", "resid_mid",
	"norm2.out", "mlp.gate", "mlp.up", "mlp.act", "mlp.down_in", "mlp.out", "resid_post",
}

// Thresholds lists, in ascending order, the thresholds for the ratio of the largest value to the median. The last,
// 1000, is the threshold of the strict definition (arXiv 2402.17762).
var Thresholds = []int{10, 20, 50, 100, 1000}

// Growths lists the thresholds for the growth of an operator's ratio, as multiples of the same operator's ratio at
// step 0 in the same layer.
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

// firstRows returns a row for each threshold, with nil cells if nothing crosses it.
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

// Crossing is the first place in the forward pass at which a ratio exceeds a threshold at the given step.
type Crossing struct {
	Step, Layer int
	Site        string
	Value       float64
}

// FirstCrossings returns, for each step at which any operator exceeds the threshold, the first such operator in the
// forward pass (after arXiv 2505.21670). The forward pass goes layer by layer, and within a layer in the order of
// Operators. The crossings are sorted by step, so the first one is the earliest in training. The statistic must have
// one number for each operator and layer, as ratio_mean does.
//
// FirstCrossings skips sites outside the blocks, sites that Operators does not list, and ratios that are not finite.
// Such ratios arise if the median is 0, as after a ReLU, and say nothing about how large the operator's largest
// activation is.
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

// Growth divides each row of a statistic by the row of the same site, layer, head and idx at step 0. It leaves out a
// row if that row at step 0 is missing or has the value 0. In this way, an operator whose ratio is large from the
// start, such as a sparse activation, is compared with itself.
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

// OperatorsOf returns the number of operators that have rows of a statistic. This number shows how much a first
// crossing means: if only resid_post has rows, no other operator can be the first to cross.
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

// depth returns a row's position in the forward pass.
func depth(r Row) int { return r.Layer*len(Operators) + slices.Index(Operators, r.Site) }
