package probes

import (
	"cmp"
	"math"
	"slices"
)

// Row is a stored value: what was measured after that many steps.
type Row struct {
	Step int
	Value
}

// pick keeps the rows of a statistic, at one site, or at all where site is "".
func pick(rows []Row, site, statistic string) []Row {
	var kept []Row
	for _, r := range rows {
		if r.Statistic == statistic && (site == "" || r.Site == site) {
			kept = append(kept, r)
		}
	}
	return kept
}

// point is a layer at a step.
type point struct{ step, layer int }

func pointOf(r Row) point { return point{r.Step, r.Layer} }

// reduced is a number for each step and layer, made from its rows by f; sorted by step, then layer.
func reduced(rows []Row, f func(values []float64) float64) []LayerValue {
	grouped := map[point][]float64{}
	for _, r := range rows {
		grouped[pointOf(r)] = append(grouped[pointOf(r)], r.Value.Value)
	}
	var out []LayerValue
	for at, values := range grouped {
		out = append(out, LayerValue{at.step, at.layer, f(values)})
	}
	slices.SortFunc(out, func(a, b LayerValue) int { return cmp.Or(a.Step-b.Step, a.Layer-b.Layer) })
	return out
}

// LayerValue is a number of a layer at a step.
type LayerValue struct {
	Step, Layer int
	Value       float64
}

// StepValue is a number of a whole run at a step.
type StepValue struct {
	Step  int
	Value float64
}

// overLayers is the mean over layers, by step.
func overLayers(values []LayerValue) []StepValue {
	var out []StepValue
	for i := 0; i < len(values); {
		sum, n, step := 0.0, 0, values[i].Step
		for ; i < len(values) && values[i].Step == step; i++ {
			sum += values[i].Value
			n++
		}
		out = append(out, StepValue{step, sum / float64(n)})
	}
	return out
}

func mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}

// maximum keeps NaN.
func maximum(x []float64) float64 {
	most := math.Inf(-1)
	for _, v := range x {
		most = max(most, v)
	}
	return most
}

// MAct is the mean over layers of the largest |h| (the M-Act of arXiv 2505.06708), by step, from the rows top1 of
// resid_post: over all sequences of the probe batch.
func MAct(rows []Row) []StepValue { return overLayers(reduced(pick(rows, ResidPost, "top1"), maximum)) }

// FAttn is the attention to the first token, mean over all queries, heads, then layers (the F-Attn of
// arXiv 2505.06708), by step, from the rows sink_score.
func FAttn(rows []Row) []StepValue {
	return overLayers(reduced(pick(rows, Pattern, "sink_score"), mean))
}

// SinkRate is the sink rate of each layer, the mean of its heads' rows (arXiv 2510.06477), from the rows of
// `sink_rate` or `sink_rate_gu`.
func SinkRate(rows []Row, statistic string) []LayerValue {
	return reduced(pick(rows, Pattern, statistic), mean)
}
