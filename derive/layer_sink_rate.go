package derive

// layerSinkRate is a layer's sink rate, the mean of its heads' rows, by the definition of arXiv 2510.06477 and by the
// rule of arXiv 2410.10781.
var layerSinkRate = Quantity{Name: "layer_sink_rate", Formula: "mean over heads of sink_rate, and of sink_rate_gu",
	Source: "2510.06477, 2410.10781", Unit: "share",
	Needs:   []Need{{pattern, "sink_rate"}, {pattern, "sink_rate_gu"}},
	Columns: []string{"step", "layer", "sink_rate", "sink_rate_gu"},
	Compute: func(rows []Row) (table [][]any) {
		gu := map[point]float64{}
		for _, v := range Layers(rows, pattern, "sink_rate_gu") {
			gu[point{v.Step, v.Layer}] = v.Value
		}
		for _, v := range Layers(rows, pattern, "sink_rate") {
			if other, ok := gu[point{v.Step, v.Layer}]; ok {
				table = append(table, []any{v.Step, v.Layer, v.Value, other})
			}
		}
		return table
	}}
