package probes

// The place of the largest |h| of each sequence (the first of several equal ones), and its value with its sign.
// derive.Stability reports whether the place stays the same between checkpoints.
var (
	top1Channel = ofSequence("channel of max |h|", "channel",
		func(m magnitude, width int) float64 { return float64(m.at % width) })
	top1Position = ofSequence("position of max |h|", "position",
		func(m magnitude, width int) float64 { return float64(m.at / width) })
	top1Token = Statistic{Formula: "token at the position of max |h|", Source: "own", Unit: "token",
		Index: "sequence", Of: Tokens, Needs: []string{ResidPost}, Compute: func(l *Layer, at *Site) []Value {
			width, places := l.width(at), l.summary(at)
			return indexed(l.B, func(b int) float64 { return float64(l.Tokens[b*l.T+places[b].at/width]) })
		}}
	top1AtFirst = Statistic{Formula: "share of sequences with max |h| at position 0, that of a BOS", Source: "own",
		Unit: "share", Of: Tokens, Needs: []string{ResidPost}, Compute: func(l *Layer, at *Site) []Value {
			first, width := 0, l.width(at)
			for _, m := range l.summary(at) {
				if m.at < width {
					first++
				}
			}
			return layerValue(float64(first) / float64(l.B))
		}}
	top1Signed = beyond(
		ofSequence("h where |h| is largest", "activation", func(m magnitude, _ int) float64 { return m.signed }))
)

// beyond excludes a statistic from the default set.
func beyond(s Statistic) Statistic {
	s.Beyond = true
	return s
}
