package probes

import "math"

// firstTokenAttention is, for each head, the attention to position 0 averaged over the ordinary queries at t >= 1 of
// all sequences (arXiv 2410.13835). Uniform attention gives (H_T - 1)/(T - 1), H_T the harmonic number. It is NaN if no
// query is ordinary. The same average over all queries is sink_score.
var firstTokenAttention = Statistic{Formula: "mean over ordinary queries t >= 1 of A[t,0]", Source: "2410.13835",
	Unit: "probability", Needs: []string{Pattern}, Heads: true, Compute: func(l *Layer, at *Site) []Value {
		return l.eachHead(func(h int) float64 {
			sum, count := 0.0, 0
			for b := range l.B {
				for t := 1; t < l.T; t++ {
					if l.Ordinary[b*l.T+t] {
						sum += float64(l.attention(at, b, h, t)[l.before(at)])
						count++
					}
				}
			}
			if count == 0 {
				return math.NaN()
			}
			return sum / float64(count)
		})
	}}

// attention returns a query's row of a pattern, [Keys]: the columns before the sequence (a KV bias, a sink logit,
// registers), then the T positions.
func (l *Layer) attention(at *Site, b, h, t int) []float32 {
	keys := at.Shape[len(at.Shape)-1]
	row := ((b*l.H+h)*l.T + t) * keys
	return at.Data[row : row+keys]
}

// before returns the number of columns of a pattern before the sequence.
func (l *Layer) before(at *Site) int { return at.Shape[len(at.Shape)-1] - l.T }

// eachHead returns a row for every head.
func (l *Layer) eachHead(of func(h int) float64) []Value {
	rows := make([]Value, l.H)
	for h := range rows {
		rows[h] = Value{Head: h, Idx: -1, Value: of(h)}
	}
	return rows
}

// overHeads returns the mean over heads as a row of the whole block.
func (l *Layer) overHeads(of func(h int) float64) []Value {
	sum := 0.0
	for h := range l.H {
		sum += of(h)
	}
	return layerValue(sum / float64(l.H))
}
