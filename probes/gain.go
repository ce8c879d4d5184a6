package probes

// gain is the gain of each norm by channel, or a single row if the norm has one gain for all channels (SSNorm, arXiv
// 2506.19697). Outliers in the gain cause outlier channels (arXiv 2505.21670).
var gain = Statistic{Formula: "g_c", Source: "2505.21670", Unit: "1", Index: "channel", Of: Gains, Beyond: true,
	Compute: func(_ *Layer, at *Site) []Value {
		return indexed(len(at.Data), func(c int) float64 { return float64(at.Data[c]) })
	}}
