package probes

// valueNormRatio is, for each key-value head, ||v_0|| / mean over i > 0 of ||v_i||, mean over sequences: a sink's value
// state drains (arXiv 2410.13835, which speaks of a drain below .5). It is NaN for a context of one token.
var valueNormRatio = Statistic{Formula: "mean over sequences of ||v_0|| / mean_{i>0} ||v_i||", Source: "2410.13835",
	Unit: "ratio", Beyond: true,
	Needs: []string{Values}, Heads: true, Compute: func(l *Layer, at *Site) []Value {
		return l.eachValueHead(at, func(norms []float64) float64 {
			others := 0.0
			for _, n := range norms[1:] {
				others += n
			}
			return norms[0] / (others / float64(len(norms)-1))
		})
	}}

// valueNormFirst is ||v_0||, mean over sequences.
var valueNormFirst = Statistic{Formula: "mean over sequences of ||v_0||", Source: "2410.13835", Unit: "activation",
	Beyond: true, Needs: []string{Values}, Heads: true, Compute: func(l *Layer, at *Site) []Value {
		return l.eachValueHead(at, func(norms []float64) float64 { return norms[0] })
	}}

// valueNormRatioSink is the same ratio for the token at each head's sink_position, in case the sink has moved: ||v_k||
// / mean over i != k of ||v_i||, mean over sequences. Heads that share a key-value head each have a row.
var valueNormRatioSink = Statistic{Formula: "mean over sequences of ||v_k|| / mean_{i!=k} ||v_i||, k = sink_position",
	Source: "after 2410.13835", Unit: "ratio", Beyond: true,
	Needs: []string{Values, Pattern}, Heads: true, Compute: func(l *Layer, at *Site) []Value {
		pattern, heads, each := l.Site(Pattern), at.Shape[2], at.Shape[3]
		return l.eachHead(func(h int) float64 {
			k, _ := largest(l.columns(pattern, h))
			shared := h * heads / l.H
			sum := 0.0
			for b := range l.B {
				var sink, others float64
				for t := range l.T {
					if n := norm(l.token(at, b, t)[shared*each : (shared+1)*each]); t == k {
						sink = n
					} else {
						others += n
					}
				}
				sum += sink / (others / float64(l.T-1))
			}
			return sum / float64(l.B)
		})
	}}

// eachValueHead returns a row per key-value head: the mean over sequences of a function of the head's value norms by
// position.
func (l *Layer) eachValueHead(at *Site, of func(norms []float64) float64) []Value {
	heads, each := at.Shape[2], at.Shape[3]
	rows, norms := make([]Value, heads), make([]float64, l.T)
	for h := range rows {
		sum := 0.0
		for b := range l.B {
			for t := range norms {
				norms[t] = norm(l.token(at, b, t)[h*each : (h+1)*each])
			}
			sum += of(norms)
		}
		rows[h] = Value{Head: h, Idx: -1, Value: sum / float64(l.B)}
	}
	return rows
}
