package derive

import (
	"cmp"
	"slices"
)

var channelStability = stabilityOf("channel_stability", "channel", "channel of the largest |h|", residPost,
	"top1_channel")

var positionStability = stabilityOf("position_stability", "position", "position of the largest |h|", residPost,
	"top1_position")

var tokenStability = stabilityOf("token_stability", "token", "token at the largest |h|", residPost, "top1_token")

var sinkStability = stabilityOf("sink_stability", "position", "position of each head's sink", pattern, "sink_position")

// stabilityOf returns a quantity with four values for each layer: the place that most sequences (or heads) have, the
// share that has it, the share that has kept its own place since the previous measured step (nil at the first), and the
// step since which the place has been the most common.
func stabilityOf(name, place, what, site, statistic string) Quantity {
	return Quantity{Name: name, Formula: what + ": the most common, the share that has it, the share that has kept its " +
		"own since the previous measured step, and the step since which it has been the most common", Source: "own",
		Unit: "share", Needs: []Need{{site, statistic}},
		Columns: []string{"step", "layer", place, "agreeing", "kept", "since"},
		Compute: func(rows []Row) (table [][]any) {
			kept := map[point]float64{}
			for _, v := range Stability(rows, site, statistic) {
				kept[point{v.Step, v.Layer}] = v.Value
			}
			for _, p := range Places(rows, site, statistic) {
				row := []any{p.Step, p.Layer, p.Place, p.Agreeing, nil, p.Since}
				if v, ok := kept[point{p.Step, p.Layer}]; ok {
					row[4] = v
				}
				table = append(table, row)
			}
			return table
		}}
}

// LayerPlace is the most common place in a layer at one step. Each sequence or head has a place, which is a channel or
// a position.
type LayerPlace struct {
	Step, Layer, Place int
	Agreeing           float64 // share of the layer's sequences or heads that have this place
	// Since is the earliest measured step such that the layer has this place at all measured steps from Since to Step.
	Since int
}

// Places returns the most common place in each layer at each step, sorted by step, then layer. If several places are
// equally common, the smallest is chosen.
func Places(rows []Row, site, statistic string) []LayerPlace {
	votes := map[point]map[int]int{}
	count := map[point]int{}
	for _, r := range pick(rows, site, statistic) {
		at := pointOf(r)
		if votes[at] == nil {
			votes[at] = map[int]int{}
		}
		votes[at][int(r.Value)]++
		count[at]++
	}
	var all []LayerPlace
	for at, of := range votes {
		best, most := -1, 0
		for place, n := range of {
			if n > most || n == most && place < best {
				best, most = place, n
			}
		}
		all = append(all, LayerPlace{at.step, at.layer, best, float64(most) / float64(count[at]), at.step})
	}
	slices.SortFunc(all, func(a, b LayerPlace) int { return cmp.Or(a.Step-b.Step, a.Layer-b.Layer) })
	before := map[int]LayerPlace{} // by layer
	for i, p := range all {
		if old, ok := before[p.Layer]; ok && old.Place == p.Place {
			all[i].Since = old.Since
		}
		before[p.Layer] = all[i]
	}
	return all
}

// Stability returns, for each layer and each step except the first, the share of sequences or heads that have kept
// their place, a channel or a position, since the previous measured step. Each sequence or head has one row at each
// step. Rows of different steps belong to the same sequence or head if their idx and head are equal. A row that has no
// earlier row does not count.
func Stability(rows []Row, site, statistic string) []LayerValue {
	type series struct{ layer, head, idx int }
	all := pick(rows, site, statistic)
	slices.SortFunc(all, func(a, b Row) int { return a.Step - b.Step })
	before := map[series]Row{}
	same, count := map[point]int{}, map[point]int{}
	for _, r := range all {
		key := series{r.Layer, r.Head, r.Idx}
		if old, ok := before[key]; ok {
			count[pointOf(r)]++
			if old.Value == r.Value {
				same[pointOf(r)]++
			}
		}
		before[key] = r
	}
	var out []LayerValue
	for at, n := range count {
		out = append(out, LayerValue{at.step, at.layer, float64(same[at]) / float64(n)})
	}
	slices.SortFunc(out, func(a, b LayerValue) int { return cmp.Or(a.Step-b.Step, a.Layer-b.Layer) })
	return out
}
