package probes

import (
	"cmp"
	"slices"
)

// Stability tells, for each layer and each step but the first, in which share of the sequences a place (a channel, a
// position, a coordinate of a super weight: one row a sequence) is the one of the measured step before. Sequences are
// matched by idx, heads by head; a row without one before it does not count.
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
			if old.Value.Value == r.Value.Value {
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
