package probes

// valueNormRatio is, for each key-value head, ||v_0|| / mean over i > 0 of ||v_i||, mean over sequences: a sink's value
// state drains (arXiv 2410.13835, which calls it so below .5). NaN for a context of one token.
var valueNormRatio = Statistic{Formula: "mean over sequences of ||v_0|| / mean_{i>0} ||v_i||", Source: "2410.13835", Unit: "ratio", Beyond: true,
	Needs: []string{Values}, Compute: func(l *Layer, at *Site) []Value {
		return l.eachValueHead(at, func(norms []float64) float64 {
			others := 0.0
			for _, n := range norms[1:] {
				others += n
			}
			return norms[0] / (others / float64(len(norms)-1))
		})
	}}

// valueNormFirst is ||v_0||, mean over sequences.
var valueNormFirst = Statistic{Formula: "mean over sequences of ||v_0||", Source: "2410.13835", Unit: "activation", Beyond: true,
	Needs: []string{Values}, Compute: func(l *Layer, at *Site) []Value {
		return l.eachValueHead(at, func(norms []float64) float64 { return norms[0] })
	}}

// eachValueHead is the mean over sequences of a function of a head's value norms by position.
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
