package probes

// The largest magnitudes and the median of |h| over all T*C scalars of a sequence, one row per sequence (arXiv
// 2508.03616, which fits top1/median).
var (
	top1   = ofSequence("max |h|", "activation", func(m magnitude, _ int) float64 { return m.top[0] })
	top2   = ofSequence("second largest |h|", "activation", func(m magnitude, _ int) float64 { return m.top[1] })
	top3   = ofSequence("third largest |h|", "activation", func(m magnitude, _ int) float64 { return m.top[2] })
	median = ofSequence("median |h|", "activation", func(m magnitude, _ int) float64 { return m.median })
)

func ofSequence(formula, unit string, pick func(m magnitude, width int) float64) Statistic {
	return Statistic{Formula: formula + " over the scalars of a sequence", Source: "2508.03616", Unit: unit,
		Index: "sequence", Of: Tokens, Needs: []string{ResidPost}, Compute: func(l *Layer, at *Site) []Value {
			all, width := l.summary(at), l.width(at)
			return indexed(l.B, func(b int) float64 { return pick(all[b], width) })
		}}
}
