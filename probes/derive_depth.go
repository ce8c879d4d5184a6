package probes

import "gonum.org/v1/gonum/stat"

// DepthCorrelation is the correlation over layers of two quantities, by step.
type DepthCorrelation struct {
	Step int
	// Levels is Pearson's r of the values; Changes that of their differences from layer to layer, which is what
	// arXiv 2510.06477 reports (BOS norm against entropy -.9 +- .18, against sink rate .58 +- .25).
	Levels, Changes float64
	Layers          int
}

// Correlate correlates two quantities over the layers of each step that both were measured at; the layers are those that
// both have, in order. r is NaN where a quantity does not change, or of fewer than two points.
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

// BOSAgainstEntropy correlates bos_norm_ratio with matrix_entropy, both of resid_post; BOSAgainstSinks with the sink rate
// of arXiv 2510.06477.
func BOSAgainstEntropy(rows []Row) []DepthCorrelation {
	return Correlate(reduced(pick(rows, ResidPost, "bos_norm_ratio"), mean), reduced(pick(rows, ResidPost, "matrix_entropy"), mean))
}

// BOSAgainstSinks is told of at BOSAgainstEntropy.
func BOSAgainstSinks(rows []Row) []DepthCorrelation {
	return Correlate(reduced(pick(rows, ResidPost, "bos_norm_ratio"), mean), SinkRate(rows, "sink_rate"))
}

func pearson(x, y []float64) float64 {
	return stat.Correlation(x, y, nil) // 0/0, NaN, for fewer than two points
}

func differences(x []float64) []float64 {
	var d []float64
	for i := 1; i < len(x); i++ {
		d = append(d, x[i]-x[i-1])
	}
	return d
}
