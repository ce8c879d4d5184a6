package probes

// bosNormRatio is ||x_0|| / mean over i > 0 of ||x_i|| (arXiv 2510.06477), mean over sequences. It is NaN for a context
// of one token.
var bosNormRatio = Statistic{Formula: "mean over sequences of ||x_0|| / mean_{i>0} ||x_i||", Source: "2510.06477",
	Unit: "ratio", Of: Tokens,
	Needs: []string{ResidPost}, Compute: func(l *Layer, at *Site) []Value {
		sum := 0.0
		for b := range l.B {
			others := 0.0
			for t := 1; t < l.T; t++ {
				others += norm(l.token(at, b, t))
			}
			sum += norm(l.token(at, b, 0)) / (others / float64(l.T-1))
		}
		return layerValue(sum / float64(l.B))
	}}
