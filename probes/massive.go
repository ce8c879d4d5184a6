package probes

// The strict definition of a massive activation (arXiv 2402.17762, 2503.22329).
const (
	massiveOver  = 100  // |h|
	massiveTimes = 1000 // times the median |h|
)

// massive is the share of sequences whose largest |h| is above 100 and at least 1000 times their median. ratio_mean is
// the continuous version; at small widths hardly any sequence meets the strict definition.
var massive = Statistic{Formula: "share of sequences with max|h| > 100 and max|h| >= 1000 median|h|",
	Source: "2503.22329", Unit: "share",
	Of: Tokens, Needs: []string{ResidPost}, Compute: func(l *Layer, at *Site) []Value {
		count := 0
		for _, m := range l.summary(at) {
			if m.top[0] > massiveOver && m.top[0] >= massiveTimes*m.median {
				count++
			}
		}
		return layerValue(float64(count) / float64(l.B))
	}}
