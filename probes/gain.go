package probes

// gain is the gain of each norm by channel, one row where a single gain serves all (SSNorm, arXiv 2506.19697). Outlier
// entries of it make outlier channels (arXiv 2505.21670).
var gain = Statistic{Formula: "g_c", Source: "2505.21670", Unit: "1", Index: "channel", Of: Gains, Beyond: true, Compute: func(_ *Layer, at *Site) []Value {
	return indexed(len(at.Data), func(c int) float64 { return float64(at.Data[c]) })
}}
