package derive

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
)

// Sites that the quantities read.
const (
	residPost = "resid_post"
	pattern   = "attn.pattern"
	downIn    = "mlp.down_in"
	mlpOut    = "mlp.out"
)

// Row is a stored value that was measured after Step updates. Layer, Head or Idx is -1 if it does not apply.
type Row struct {
	Step             int
	Site, Statistic  string
	Layer, Head, Idx int
	Value            float64
}

// LayerValue is the value of a layer at one step.
type LayerValue struct {
	Step, Layer int
	Value       float64
}

// StepValue is the value of a run at one step.
type StepValue struct {
	Step  int
	Value float64
}

// pick returns the rows of a statistic at a site, or at all sites if site is "".
func pick(rows []Row, site, statistic string) []Row {
	var kept []Row
	for _, r := range rows {
		if r.Statistic == statistic && (site == "" || r.Site == site) {
			kept = append(kept, r)
		}
	}
	return kept
}

// Layers returns the value of a statistic at a site for each step and layer: its mean over idx, then over heads. The
// values are sorted by step, then layer.
func Layers(rows []Row, site, statistic string) []LayerValue {
	var out []LayerValue
	for _, c := range (Scalar{Site: site, Statistic: statistic, Idx: Mean, Heads: Mean, Layers: Each}).Of(rows) {
		for i, step := range c.Steps {
			out = append(out, LayerValue{step, c.Layer, c.Values[i]})
		}
	}
	slices.SortFunc(out, func(a, b LayerValue) int { return cmp.Or(a.Step-b.Step, a.Layer-b.Layer) })
	return out
}

// point is a layer at a step.
type point struct{ step, layer int }

func pointOf(r Row) point { return point{r.Step, r.Layer} }

// reduced returns f of the values of each step and layer, sorted by step, then layer.
func reduced(rows []Row, f func(values []float64) float64) []LayerValue {
	grouped := map[point][]float64{}
	for _, r := range rows {
		grouped[pointOf(r)] = append(grouped[pointOf(r)], r.Value)
	}
	var out []LayerValue
	for at, values := range grouped {
		out = append(out, LayerValue{at.step, at.layer, f(values)})
	}
	slices.SortFunc(out, func(a, b LayerValue) int { return cmp.Or(a.Step-b.Step, a.Layer-b.Layer) })
	return out
}

// OverLayers returns the mean over layers for each step. The argument values must be sorted by step.
func OverLayers(values []LayerValue) []StepValue {
	var out []StepValue
	for i := 0; i < len(values); {
		step := values[i].Step
		var layers []float64
		for ; i < len(values) && values[i].Step == step; i++ {
			layers = append(layers, values[i].Value)
		}
		out = append(out, StepValue{step, stat.Mean(layers, nil)})
	}
	return out
}

// maximum returns the largest value, or NaN if any value is NaN.
func maximum(x []float64) float64 {
	most := math.Inf(-1)
	for _, v := range x {
		most = max(most, v)
	}
	return most
}

// stepRows returns a table with one number for each step.
func stepRows(values []StepValue) (table [][]any) {
	for _, v := range values {
		table = append(table, []any{v.Step, v.Value})
	}
	return table
}
