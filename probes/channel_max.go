package probes

// channelMax is the largest |h| of each channel over all tokens. It shows which channels hold the largest values.
var channelMax = Statistic{Formula: "max over tokens of |h_c|", Source: "2508.03616", Unit: "activation",
	Index: "channel", Beyond: true,
	Of: Tokens, Needs: []string{ResidPost}, Compute: func(l *Layer, at *Site) []Value {
		width := l.width(at)
		largest := make([]float32, width)
		for row := range l.B * l.T {
			for c, x := range at.Data[row*width : (row+1)*width] {
				largest[c] = max(largest[c], x, -x) // max keeps NaN
			}
		}
		return indexed(width, func(c int) float64 { return float64(largest[c]) })
	}}
