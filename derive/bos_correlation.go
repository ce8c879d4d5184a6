package derive

import (
	"math"

	"gonum.org/v1/gonum/stat"
)

var bosEntropyCorrelation = Quantity{Name: "bos_entropy_correlation", Formula: "Pearson's r over layers of " +
	"bos_norm_ratio and matrix_entropy, and of their changes from layer to layer",
	Source: "2510.06477", Unit: "1", Needs: []Need{{residPost, "bos_norm_ratio"}, {residPost, "matrix_entropy"}},
	Columns: correlationColumns,
	Compute: func(rows []Row) [][]any { return correlationRows(BOSAgainstEntropy(rows)) }}

var bosSinkCorrelation = Quantity{Name: "bos_sink_correlation", Formula: "Pearson's r over layers of bos_norm_ratio " +
	"and the layer's sink rate, and of their changes from layer to layer",
	Source: "2510.06477", Unit: "1", Needs: []Need{{residPost, "bos_norm_ratio"}, {pattern, "sink_rate"}},
	Columns: correlationColumns,
	Compute: func(rows []Row) [][]any { return correlationRows(BOSAgainstSinks(rows)) }}

var correlationColumns = []string{"step", "levels", "changes", "layers"}

func correlationRows(all []DepthCorrelation) (table [][]any) {
	for _, c := range all {
		table = append(table, []any{c.Step, c.Levels, c.Changes, c.Layers})
	}
	return table
}

// DepthCorrelation is the correlation of two quantities across layers at one step.
type DepthCorrelation struct {
	Step int
	// Levels is Pearson's r between the values of the two quantities. Changes is Pearson's r between their differences
	// from each layer to the next, which is what arXiv 2510.06477 reports (BOS norm with entropy: -.9 +- .18; BOS norm
	// with sink rate: .58 +- .25).
	Levels, Changes float64
	Layers          int // number of layers that have both quantities
}

// Correlate correlates two quantities across layers, at each step that has values of both. It uses the layers that
// have both quantities. Both a and b must be sorted by step, then layer. A correlation is NaN if one of the quantities
// is the same in all layers. It is also NaN if it has fewer than three points, because the r of two points is always 1
// or -1. Levels therefore needs three layers, and Changes needs four.
func Correlate(a, b []LayerValue) []DepthCorrelation {
	other := map[point]float64{}
	for _, v := range b {
		other[point{v.Step, v.Layer}] = v.Value
	}
	var all []DepthCorrelation
	for i := 0; i < len(a); {
		step := a[i].Step
		var x, y []float64
		for ; i < len(a) && a[i].Step == step; i++ {
			if v, ok := other[point{step, a[i].Layer}]; ok {
				x, y = append(x, a[i].Value), append(y, v)
			}
		}
		if len(x) > 0 {
			all = append(all, DepthCorrelation{step, pearson(x, y), pearson(differences(x), differences(y)), len(x)})
		}
	}
	return all
}

// BOSAgainstEntropy correlates bos_norm_ratio with matrix_entropy. Both are read at resid_post.
func BOSAgainstEntropy(rows []Row) []DepthCorrelation {
	return Correlate(Layers(rows, residPost, "bos_norm_ratio"), Layers(rows, residPost, "matrix_entropy"))
}

// BOSAgainstSinks correlates bos_norm_ratio at resid_post with the sink rate that arXiv 2510.06477 defines.
func BOSAgainstSinks(rows []Row) []DepthCorrelation {
	return Correlate(Layers(rows, residPost, "bos_norm_ratio"), Layers(rows, pattern, "sink_rate"))
}

func pearson(x, y []float64) float64 {
	if len(x) < 3 {
		return math.NaN()
	}
	return stat.Correlation(x, y, nil)
}

func differences(x []float64) []float64 {
	var d []float64
	for i := 1; i < len(x); i++ {
		d = append(d, x[i]-x[i-1])
	}
	return d
}
