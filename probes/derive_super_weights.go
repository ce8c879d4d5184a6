package probes

import (
	"cmp"
	"math"
	"slices"
)

// Candidate is where a super weight may stand at a step: W_down[Row, Column] of a layer, W as [out, in].
type Candidate struct {
	Step, Layer, Row, Column int
	// Input and Output are the medians over sequences of the largest |.| at the down projection's input and output, over
	// the median of the same over layers.
	Input, Output float64
	// Agreeing is the share of sequences whose own largest values stand at this row and column.
	Agreeing float64
}

// SuperWeights lists the layers whose down projection spikes in input and output by more than that multiple of the
// median over layers, with the coordinate that most sequences agree on (arXiv 2411.07191, whose threshold of 50 on the
// activation means nothing at other widths). It reads the rows super_weight_row, _column, _input and _output; by step,
// then layer.
func SuperWeights(rows []Row, multiple float64) []Candidate {
	size := func(values []float64) float64 {
		for i := range values {
			values[i] = math.Abs(values[i])
		}
		return medianOf(values)
	}
	input := overMedian(reduced(pick(rows, DownIn, "super_weight_input"), size))
	output := overMedian(reduced(pick(rows, MLPOut, "super_weight_output"), size))
	type coordinate struct{ row, column int }
	places := map[point]map[int]coordinate{} // by sequence
	for _, r := range pick(rows, MLPOut, "super_weight_row") {
		if places[pointOf(r)] == nil {
			places[pointOf(r)] = map[int]coordinate{}
		}
		places[pointOf(r)][r.Idx] = coordinate{row: int(r.Value.Value), column: -1}
	}
	for _, r := range pick(rows, DownIn, "super_weight_column") {
		if c, ok := places[pointOf(r)][r.Idx]; ok {
			places[pointOf(r)][r.Idx] = coordinate{c.row, int(r.Value.Value)}
		}
	}
	var all []Candidate
	for at, sequences := range places {
		if !(input[at] > multiple && output[at] > multiple) {
			continue
		}
		votes := map[coordinate]int{}
		for _, c := range sequences {
			votes[c]++
		}
		best := coordinate{-1, -1} // nobody's
		for c, n := range votes {
			if n > votes[best] || n == votes[best] && (c.row < best.row || c.row == best.row && c.column < best.column) {
				best = c
			}
		}
		all = append(all, Candidate{at.step, at.layer, best.row, best.column, input[at], output[at], float64(votes[best]) / float64(len(sequences))})
	}
	slices.SortFunc(all, func(a, b Candidate) int { return cmp.Or(a.Step-b.Step, a.Layer-b.Layer) })
	return all
}

// overMedian divides each layer's value by the median over the layers of its step.
func overMedian(values []LayerValue) map[point]float64 {
	steps := map[int][]float64{}
	for _, v := range values {
		steps[v.Step] = append(steps[v.Step], v.Value)
	}
	for step, x := range steps {
		steps[step] = []float64{medianOf(x)}
	}
	over := map[point]float64{}
	for _, v := range values {
		over[point{v.Step, v.Layer}] = v.Value / steps[v.Step][0]
	}
	return over
}

// medianOf sorts x.
func medianOf(x []float64) float64 {
	slices.Sort(x)
	return (x[(len(x)-1)/2] + x[len(x)/2]) / 2
}
