package probes

const sinkThreshold = 0.3

// sinkRate is, for each head, the share of sequences in which its sink score at position 0, (1/T) sum over t of
// A[t,0], is at least .3 (arXiv 2510.06477). The paper's sink rate is the mean of these rows over heads.
var sinkRate = Statistic{Formula: "share of sequences with (1/T) sum_t A[t,0] >= .3", Source: "2510.06477",
	Unit: "share", Needs: []string{Pattern}, Heads: true, Compute: func(l *Layer, at *Site) []Value {
		return l.sinkShare(at, func(score float64) bool { return score >= sinkThreshold })
	}}

// sinkRateGu is the sink rate by the rule of arXiv 2410.10781: the column sum is divided by the number of rows that see
// key k, T-k, which is T at k = 0, and the threshold is strict. The paper uses T = 64 and 100 sequences; here both are
// those of the probe batch.
var sinkRateGu = Statistic{Formula: "share of sequences with (1/T) sum_t A[t,0] > .3", Source: "2410.10781",
	Unit: "share", Needs: []string{Pattern}, Heads: true, Compute: func(l *Layer, at *Site) []Value {
		return l.sinkShare(at, func(score float64) bool { return score > sinkThreshold })
	}}

func (l *Layer) sinkShare(at *Site, sink func(score float64) bool) []Value {
	first := l.before(at)
	return l.eachHead(func(h int) float64 {
		count := 0
		for b := range l.B {
			score := 0.0
			for t := range l.T {
				score += float64(l.attention(at, b, h, t)[first])
			}
			if sink(score / float64(l.T)) {
				count++
			}
		}
		return float64(count) / float64(l.B)
	})
}
