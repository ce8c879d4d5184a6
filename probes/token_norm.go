package probes

// tokenNorm is the Euclidean norm of a token's channels, by position, mean over sequences.
var tokenNorm = Statistic{Formula: "mean over sequences of ||x_t||", Source: "2510.06477", Unit: "activation",
	Index: "position", Beyond: true,
	Of: Tokens, Needs: []string{ResidPost}, Compute: func(l *Layer, at *Site) []Value {
		return indexed(l.T, func(t int) float64 {
			sum := 0.0
			for b := range l.B {
				sum += norm(l.token(at, b, t))
			}
			return sum / float64(l.B)
		})
	}}
