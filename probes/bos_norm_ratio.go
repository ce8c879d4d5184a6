package probes

// bosNormRatio is ||x_0|| / mean over i > 0 of ||x_i|| (arXiv 2510.06477), mean over sequences. NaN for a context of
// one token.
var bosNormRatio = Statistic{Unit: "ratio", Needs: []string{ResidPost}, Compute: func(l *Layer) []Value {
	sum := 0.0
	for b := range l.B {
		others := 0.0
		for t := 1; t < l.T; t++ {
			others += norm(l.token(b, t))
		}
		sum += norm(l.token(b, 0)) / (others / float64(l.T-1))
	}
	return layerValue(sum / float64(l.B))
}}

// token is the residual stream at a position, [D].
func (l *Layer) token(b, t int) []float32 {
	row := (b*l.T + t) * l.D
	return l.Resid[row : row+l.D]
}
