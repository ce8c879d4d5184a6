package probes

// lostMass is, for each head, the attention that goes to no position of the sequence, mean over all queries. It goes
// instead to a learned sink logit, to the 1 of softmax-off-by-one, to a KV bias or to registers; the first token does
// not count as lost (arXiv 2402.17762, 2410.10781). It is 0 for plain softmax. For attention that is not normalised, it
// is not a probability and may be negative.
var lostMass = Statistic{Formula: "mean over queries of 1 - sum over positions j of A[t,j]", Source: "2410.10781",
	Unit: "probability", Beyond: true,
	Needs: []string{Pattern}, Heads: true, Compute: func(l *Layer, at *Site) []Value {
		return l.eachHead(func(h int) float64 {
			kept := 0.0
			for b := range l.B {
				for t := range l.T {
					kept += total(l.attention(at, b, h, t)[l.before(at):])
				}
			}
			return 1 - kept/float64(l.B*l.T)
		})
	}}

// total returns the sum, accumulated in float64.
func total(x []float32) float64 {
	sum := 0.0
	for _, v := range x {
		sum += float64(v)
	}
	return sum
}
