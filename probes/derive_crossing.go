package probes

import "slices"

// Operators lists the sites of a block in the order of its forward pass: pre-norm, attention, then the MLP.
var Operators = []string{
	"resid_pre", "norm1.out", "q", "k", "v", "attn.out", "resid_mid",
	"norm2.out", "mlp.gate", "mlp.up", "mlp.act", "mlp.down_in", "mlp.out", "resid_post",
}

// Crossing is where a ratio first exceeded a threshold.
type Crossing struct {
	Step, Layer int
	Site        string
	Value       float64
}

// FirstCrossings tells, for each step at which any does, the first operator to exceed the threshold in the order of the
// forward pass: layer by layer, in each the sites as Operators has them (after arXiv 2505.21670). The
// first of the result is the first in training. Rows of statistic are a number a layer, as ratio_mean; sites outside the
// blocks, and sites that Operators does not list, are passed over.
func FirstCrossings(rows []Row, statistic string, threshold float64) []Crossing {
	first := map[int]Row{}
	for _, r := range pick(rows, "", statistic) {
		if r.Layer < 0 || !slices.Contains(Operators, r.Site) || !(r.Value.Value > threshold) {
			continue
		}
		if old, ok := first[r.Step]; !ok || depth(r) < depth(old) {
			first[r.Step] = r
		}
	}
	var all []Crossing
	for _, r := range first {
		all = append(all, Crossing{r.Step, r.Layer, r.Site, r.Value.Value})
	}
	slices.SortFunc(all, func(a, b Crossing) int { return a.Step - b.Step })
	return all
}

// depth is a row's place in the forward pass.
func depth(r Row) int { return r.Layer*len(Operators) + slices.Index(Operators, r.Site) }
