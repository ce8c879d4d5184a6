package probes

// sinkScore is, for each head, c_0 = (1/T) sum over t of A[t,0], mean over sequences (arXiv 2510.06477). Query 0, which
// sees only key 0, counts. Its mean over heads, then layers, is the F-Attn of arXiv 2505.06708 (derive.FAttn).
var sinkScore = Statistic{Formula: "mean over sequences of (1/T) sum_t A[t,0]", Source: "2510.06477",
	Unit: "probability", Needs: []string{Pattern}, Heads: true, Compute: func(l *Layer, at *Site) []Value {
		return l.eachHead(func(h int) float64 { return l.columns(at, h)[0] })
	}}

// sinkPosition is, for each head, the position k with the largest mean over sequences of (1/T) sum over t of A[t,k]. It
// locates the sink if it moves away from position 0. Columns are not divided by the number of rows that see them, T-k,
// because that would favour the last columns.
var sinkPosition = Statistic{Formula: "argmax_k of the mean over sequences of (1/T) sum_t A[t,k]",
	Source: "after 2510.06477", Unit: "position",
	Needs: []string{Pattern}, Heads: true, Compute: func(l *Layer, at *Site) []Value {
		return l.eachHead(func(h int) float64 {
			k, _ := largest(l.columns(at, h))
			return float64(k)
		})
	}}

// sinkScoreMax is the score at sink_position.
var sinkScoreMax = Statistic{Formula: "max_k of the mean over sequences of (1/T) sum_t A[t,k]",
	Source: "after 2510.06477", Unit: "probability", Beyond: true,
	Needs: []string{Pattern}, Heads: true, Compute: func(l *Layer, at *Site) []Value {
		return l.eachHead(func(h int) float64 {
			_, score := largest(l.columns(at, h))
			return score
		})
	}}

// columns returns the mean over sequences of (1/T) sum over t of A[t,k], by position k.
func (l *Layer) columns(at *Site, h int) []float64 {
	sums := make([]float64, l.T)
	for b := range l.B {
		for t := range l.T {
			for k, a := range l.attention(at, b, h, t)[l.before(at):][:t+1] {
				sums[k] += float64(a)
			}
		}
	}
	for k := range sums {
		sums[k] /= float64(l.B * l.T)
	}
	return sums
}

// largest returns the first index of the largest value, and that value.
func largest(x []float64) (at int, value float64) {
	for i, v := range x {
		if v > x[at] {
			at = i
		}
	}
	return at, x[at]
}
