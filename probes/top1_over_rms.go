package probes

import "math"

// top1OverRMS is max|h| over the root mean square of the token that holds it, mean over sequences. It measures how much
// that token is concentrated in one channel, whatever its norm. Its maximum is sqrt(C), for a one-hot token.
var top1OverRMS = Statistic{Formula: "mean over sequences of max|h| / rms(h of that token)", Source: "own",
	Unit: "ratio", Of: Tokens,
	Needs: []string{ResidPost}, Compute: func(l *Layer, at *Site) []Value {
		sum, width := 0.0, l.width(at)
		for b, m := range l.summary(at) {
			sum += m.top[0] / (norm(l.token(at, b, m.at/width)) / math.Sqrt(float64(width)))
		}
		return layerValue(sum / float64(l.B))
	}}
