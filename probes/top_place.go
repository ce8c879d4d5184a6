package probes

// The place of the largest |h| of each sequence (the first of several equal ones), and its value with its sign.
// derive.Stability reports whether the place stays the same between checkpoints.
var (
	top1Channel = ofSequence("channel of max |h|", "channel",
		func(m magnitude, width int) float64 { return float64(m.at % width) })
	top1Position = ofSequence("position of max |h|", "position",
		func(m magnitude, width int) float64 { return float64(m.at / width) })
	top1Signed = beyond(
		ofSequence("h where |h| is largest", "activation", func(m magnitude, _ int) float64 { return m.signed }))
)

// beyond excludes a statistic from the default set.
func beyond(s Statistic) Statistic {
	s.Beyond = true
	return s
}
