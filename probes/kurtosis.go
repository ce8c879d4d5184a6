package probes

// kurtosis is the excess kurtosis of a token over its channels, E[(x-mu)^4]/sigma^4 - 3 (arXiv 2506.19697, Eq. 4),
// mean over all tokens. It is 0 for a Gaussian, at most D-5+1/(D-1) (a one-hot token), NaN for a constant one.
var kurtosis = Statistic{Unit: "1", Needs: []string{ResidPost}, Compute: func(l *Layer) []Value {
	sum := 0.0
	for row := range l.B * l.T {
		sum += excessKurtosis(l.Resid[row*l.D : (row+1)*l.D])
	}
	return layerValue(sum / float64(l.B*l.T))
}}

func excessKurtosis(x []float32) float64 {
	n, mean := float64(len(x)), 0.0
	for _, v := range x {
		mean += float64(v)
	}
	mean /= n
	var second, fourth float64
	for _, v := range x {
		square := (float64(v) - mean) * (float64(v) - mean)
		second += square
		fourth += square * square
	}
	return n*fourth/(second*second) - 3
}
