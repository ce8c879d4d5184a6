package probes

// ratioMean is the mean over sequences of top1/median (arXiv 2508.03616, which does not say which mean it takes). On
// Gaussian activations it is the expected maximum over the median of |N(0,1)|: 5.64 for 4,096 scalars.
var ratioMean = Statistic{Formula: "mean over sequences of max|h| / median|h|", Source: "2508.03616", Unit: "ratio",
	Of: Tokens, Needs: []string{ResidPost}, Compute: func(l *Layer, at *Site) []Value {
		sum := 0.0
		for _, m := range l.summary(at) {
			sum += m.top[0] / m.median
		}
		return layerValue(sum / float64(l.B))
	}}

// ratioOfMeans is the mean of top1 over sequences, divided by the mean of the medians.
var ratioOfMeans = Statistic{Formula: "mean of max|h| / mean of median|h|", Source: "2508.03616", Unit: "ratio",
	Of: Tokens, Needs: []string{ResidPost}, Compute: func(l *Layer, at *Site) []Value {
		top, middle := 0.0, 0.0
		for _, m := range l.summary(at) {
			top += m.top[0]
			middle += m.median
		}
		return layerValue(top / middle)
	}}
