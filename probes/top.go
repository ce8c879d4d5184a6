package probes

// The largest magnitudes and the median of |h| over all T*D scalars of a sequence, one row a sequence
// (arXiv 2508.03616, which fits top1/median).
var (
	top1   = ofSequence(func(m magnitude) float64 { return m.top[0] })
	top2   = ofSequence(func(m magnitude) float64 { return m.top[1] })
	top3   = ofSequence(func(m magnitude) float64 { return m.top[2] })
	median = ofSequence(func(m magnitude) float64 { return m.median })
)

func ofSequence(pick func(magnitude) float64) Statistic {
	return Statistic{Unit: "activation", Index: "sequence", Needs: []string{ResidPost}, Compute: func(l *Layer) []Value {
		rows := make([]Value, l.B)
		for b, m := range l.summary() {
			rows[b] = Value{Head: -1, Idx: b, Value: pick(m)}
		}
		return rows
	}}
}
