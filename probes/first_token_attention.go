package probes

import "math"

// firstTokenAttention is, for each head, the attention to position 0 averaged over the ordinary queries at t >= 1 of
// all sequences (arXiv 2410.13835; F-Attn of arXiv 2505.06708 is its mean over heads and layers, there over all
// queries). Uniform attention gives (H_T - 1)/(T - 1), H_T the harmonic number. NaN where no query is ordinary.
var firstTokenAttention = Statistic{Unit: "probability", Needs: []string{Pattern}, Compute: func(l *Layer) []Value {
	return l.eachHead(func(h int) float64 {
		sum, count := 0.0, 0
		for b := range l.B {
			for t := 1; t < l.T; t++ {
				if l.Ordinary[b*l.T+t] {
					sum += float64(l.toFirst(b, h, t))
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

// toFirst is the attention that query t of a head pays to the first token.
func (l *Layer) toFirst(b, h, t int) float32 {
	return l.Pattern[((b*l.H+h)*l.T+t)*l.Keys+l.Keys-l.T]
}

// eachHead makes a row for every head.
func (l *Layer) eachHead(of func(h int) float64) []Value {
	rows := make([]Value, l.H)
	for h := range rows {
		rows[h] = Value{Head: h, Idx: -1, Value: of(h)}
	}
	return rows
}
