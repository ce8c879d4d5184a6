package probes

import "math"

// rowSlack is the largest deviation from 1 of the sum of a row of a float32 pattern that counts as rounding rather than
// lost mass.
const rowSlack = 1e-3

// columnConcentration is, for each head, C = 1 + (1/log T) sum over j of c_j log c_j with c_j = (1/T) sum over i of
// A[i,j], mean over sequences (arXiv 2510.06477). It is 0 if all columns hold the same mass, 1 if one holds everything.
// It requires rows that sum to 1 over the positions: it is NaN if one does not (because of a KV bias, a sink logit or
// sigmoid attention), and for a context of one token.
var columnConcentration = Statistic{Formula: "1 + sum_j c_j log c_j / log T, c_j = (1/T) sum_i A[i,j]",
	Source: "2510.06477", Unit: "1", Beyond: true,
	Needs: []string{Pattern}, Heads: true, Compute: func(l *Layer, at *Site) []Value { return l.concentration(at, false) }}

// columnConcentrationRenorm is columnConcentration after dividing each row by its sum over the positions. It is NaN if
// a row's sum is 0.
var columnConcentrationRenorm = Statistic{Formula: "1 + sum_j c_j log c_j / log T, rows of A divided by their sums",
	Source: "2510.06477", Unit: "1", Beyond: true,
	Needs: []string{Pattern}, Heads: true, Compute: func(l *Layer, at *Site) []Value { return l.concentration(at, true) }}

func (l *Layer) concentration(at *Site, renormalise bool) []Value {
	columns := make([]float64, l.T)
	return l.eachHead(func(h int) float64 {
		sum := 0.0
		for b := range l.B {
			clear(columns)
			for t := range l.T {
				row := l.attention(at, b, h, t)[l.before(at):]
				whole := total(row)
				if !renormalise && math.Abs(whole-1) > rowSlack {
					return math.NaN()
				}
				for j, a := range row {
					if renormalise {
						columns[j] += float64(a) / whole / float64(l.T)
					} else {
						columns[j] += float64(a) / float64(l.T)
					}
				}
			}
			sum += 1 - entropy(columns)/math.Log(float64(l.T))
		}
		return sum / float64(l.B)
	})
}

// entropy returns -sum p log p in nats; a p of 0 adds nothing.
func entropy(p []float64) float64 {
	sum := 0.0
	for _, v := range p {
		if v != 0 {
			sum -= v * math.Log(v)
		}
	}
	return sum
}
