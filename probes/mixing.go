package probes

import "math"

// mixingScore is (1/T) sum over i of the entropy of A[i,:], mean over sequences and heads (arXiv 2510.06477);
// head_entropy is the same for each head. Columns before the sequence (a KV bias, a sink logit) count as keys. If the
// rows do not sum to 1 (sigmoid or ReLU attention), the value is -sum a log a, which is not an entropy.
var (
	mixingScore = Statistic{Formula: "mean over heads of (1/T) sum_i entropy(A[i,:])", Source: "2510.06477", Unit: "nats",
		Beyond: true, Needs: []string{Pattern}, Compute: func(l *Layer, at *Site) []Value {
			return l.overHeads(func(h int) float64 { return l.rowEntropy(at, h, false) })
		}}
	headEntropy = Statistic{Formula: "(1/T) sum_i entropy(A[i,:])", Source: "2510.06477", Unit: "nats", Beyond: true,
		Needs: []string{Pattern}, Heads: true, Compute: func(l *Layer, at *Site) []Value {
			return l.eachHead(func(h int) float64 { return l.rowEntropy(at, h, false) })
		}}
)

// The same with each entropy divided by its largest possible value, the logarithm of the number of keys that the query
// sees. A query that sees one key is left out. The value is 1 for uniform attention and NaN for a context of one token.
var (
	mixingScoreNormalised = Statistic{Formula: "mean over heads and queries of entropy(A[i,:]) / log(keys seen)",
		Source: "2510.06477", Unit: "1", Beyond: true,
		Needs: []string{Pattern}, Compute: func(l *Layer, at *Site) []Value {
			return l.overHeads(func(h int) float64 { return l.rowEntropy(at, h, true) })
		}}
	headEntropyNormalised = Statistic{Formula: "mean over queries of entropy(A[i,:]) / log(keys seen)",
		Source: "2510.06477", Unit: "1", Beyond: true,
		Needs: []string{Pattern}, Heads: true, Compute: func(l *Layer, at *Site) []Value {
			return l.eachHead(func(h int) float64 { return l.rowEntropy(at, h, true) })
		}}
)

func (l *Layer) rowEntropy(at *Site, h int, normalise bool) float64 {
	sum, count := 0.0, 0
	for t := range l.T {
		seen := t + 1 + l.before(at)
		if normalise && seen == 1 {
			continue
		}
		for b := range l.B {
			of := 0.0
			for _, a := range l.attention(at, b, h, t)[:seen] {
				if a != 0 {
					of -= float64(a) * math.Log(float64(a))
				}
			}
			if normalise {
				of /= math.Log(float64(seen))
			}
			sum += of
			count++
		}
	}
	return sum / float64(count)
}
