package probes

// downWeight is the down projection's weight, [D, hidden].
const downWeight = Weight + "mlp.down"

// The candidate coordinates of a block's super weight (arXiv 2411.07191) in W [out, in], one row per sequence. The
// channel at which the down projection's output is largest in magnitude is the row j, and the channel at which its
// input is largest is the column k, since Y_ij is about X_ik W_jk. A block is a candidate only if both spike compared
// with the other blocks (derive.SuperWeights, which also reports whether coordinates stay the same between
// checkpoints).
var (
	superWeightRow = superWeight(MLPOut, "channel of max |down projection's output|", "row",
		func(m magnitude, width int) float64 { return float64(m.at % width) })
	superWeightColumn = superWeight(DownIn, "channel of max |down projection's input|", "column",
		func(m magnitude, width int) float64 { return float64(m.at % width) })
	superWeightOutput = superWeight(MLPOut, "down projection's output where |.| is largest", "activation",
		func(m magnitude, _ int) float64 { return m.signed })
	superWeightInput = superWeight(DownIn, "down projection's input where |.| is largest", "activation",
		func(m magnitude, _ int) float64 { return m.signed })
)

func superWeight(site, formula, unit string, of func(m magnitude, width int) float64) Statistic {
	return Statistic{Formula: formula, Source: "2411.07191", Unit: unit, Index: "sequence", Needs: []string{site},
		Beyond: true,
		Compute: func(l *Layer, at *Site) []Value {
			all, width := l.summary(at), l.width(at)
			return indexed(l.B, func(b int) float64 { return of(all[b], width) })
		}}
}

// superWeightValue is W[j,k] at those coordinates.
var superWeightValue = Statistic{Formula: "W_down[super_weight_row, super_weight_column]", Source: "2411.07191",
	Unit: "1", Index: "sequence", Beyond: true,
	Needs: []string{downWeight, DownIn, MLPOut}, Compute: func(l *Layer, at *Site) []Value {
		in, out := l.Site(DownIn), l.Site(MLPOut)
		columns, rows := l.summary(in), l.summary(out)
		return indexed(l.B, func(b int) float64 {
			j, k := rows[b].at%l.width(out), columns[b].at%l.width(in)
			return float64(at.Data[j*at.Shape[1]+k])
		})
	}}
