package probes

import "math"

// top1OverRMS is max|h| over the root mean square of the token that holds it, mean over sequences: how far that
// token is concentrated in one channel, whatever its norm. It is at most sqrt(D), for a one-hot token.
var top1OverRMS = Statistic{Unit: "ratio", Needs: []string{ResidPost}, Compute: func(l *Layer) []Value {
	sum := 0.0
	for b, m := range l.summary() {
		row := (b*l.T + m.at) * l.D
		sum += m.top[0] / (norm(l.Resid[row:row+l.D]) / math.Sqrt(float64(l.D)))
	}
	return layerValue(sum / float64(l.B))
}}

// norm is the Euclidean norm, accumulated in float64.
func norm(x []float32) float64 {
	sum := 0.0
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum)
}
