package derive

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"github.com/outcrop-lab/outcrop/fit"
)

// Spike is the multiple of the median over layers from which a down projection's largest input and output count as
// spikes. The threshold is ours: arXiv 2411.07191 takes 50 for |v| itself, at widths of 4096.
const Spike = 5

var superWeights = Quantity{Name: "super_weights", Formula: "W_down[row, column], the channels of the largest |down " +
	"projection's output| and |input|, each over its median over layers",
	Source: "2411.07191", Unit: "ratio to the median over layers",
	Columns: []string{"step", "layer", "row", "column", "weight", "input", "output", "spikes", "agreeing", "since"},
	Needs: []Need{{mlpOut, "super_weight_row"}, {downIn, "super_weight_column"}, {downIn, "super_weight_input"},
		{mlpOut, "super_weight_output"},
		{"weight.mlp.down", "super_weight_value"}},
	Compute: func(rows []Row) (table [][]any) {
		for _, c := range SuperWeights(rows) {
			table = append(table, []any{c.Step, c.Layer, c.Row, c.Column, c.Weight, c.Input, c.Output, c.Spikes(Spike),
				c.Agreeing, c.Since})
		}
		return table
	}}

// Candidate is where a layer's super weight would stand at a step: W_down[Row, Column], W as [out, in].
type Candidate struct {
	Step, Layer, Row, Column int
	// Input and Output are the medians over sequences of the largest |.| at the down projection's input and output, over
	// the median of the same over layers. Of one layer they are 1, of two never above 2.
	Input, Output float64
	// Agreeing is the share of sequences whose own largest values stand at this row and column.
	Agreeing float64
	Weight   float64 // W_down[Row, Column]; NaN where it was not measured
	// Since is the first of the measured steps without a gap at which the layer's coordinate was this one.
	Since int
}

// Spikes reports whether the layer's down projection spikes in input and in output.
func (c Candidate) Spikes(multiple float64) bool { return c.Input > multiple && c.Output > multiple }

// SuperWeights returns each layer's coordinate, the one that most sequences agree on, and how far its input and output
// stand out (arXiv 2411.07191); by step, then layer. It reads the rows super_weight_row, _column, _input, _output and
// _value.
func SuperWeights(rows []Row) []Candidate {
	input := overMedian(reduced(pick(rows, downIn, "super_weight_input"), medianSize))
	output := overMedian(reduced(pick(rows, mlpOut, "super_weight_output"), medianSize))
	var all []Candidate
	for at, sequences := range coordinates(rows) {
		best, votes := commonest(sequences)
		in, inOK := input[at]
		out, outOK := output[at]
		if !inOK || !outOK {
			continue
		}
		all = append(all, Candidate{Step: at.step, Layer: at.layer, Row: best.row, Column: best.column,
			Input: in, Output: out, Agreeing: float64(votes) / float64(len(sequences)), Weight: best.weight})
	}
	slices.SortFunc(all, func(a, b Candidate) int { return cmp.Or(a.Step-b.Step, a.Layer-b.Layer) })
	before := map[int]Candidate{} // by layer
	for i, c := range all {
		all[i].Since = c.Step
		if old, ok := before[c.Layer]; ok && old.Row == c.Row && old.Column == c.Column {
			all[i].Since = old.Since
		}
		before[c.Layer] = all[i]
	}
	return all
}

type coordinate struct {
	row, column int
	weight      float64
}

// coordinates are those of each sequence that has both, by idx.
func coordinates(rows []Row) map[point]map[int]coordinate {
	places := map[point]map[int]coordinate{}
	for _, r := range pick(rows, mlpOut, "super_weight_row") {
		if places[pointOf(r)] == nil {
			places[pointOf(r)] = map[int]coordinate{}
		}
		places[pointOf(r)][r.Idx] = coordinate{row: int(r.Value), column: -1, weight: math.NaN()}
	}
	for _, of := range []struct {
		site, statistic string
		set             func(c *coordinate, v float64)
	}{
		{downIn, "super_weight_column", func(c *coordinate, v float64) { c.column = int(v) }},
		{"", "super_weight_value", func(c *coordinate, v float64) { c.weight = v }},
	} {
		for _, r := range pick(rows, of.site, of.statistic) {
			if c, ok := places[pointOf(r)][r.Idx]; ok {
				of.set(&c, r.Value)
				places[pointOf(r)][r.Idx] = c
			}
		}
	}
	return places
}

// commonest is the coordinate that most sequences have, of equally common ones the first by row, then column.
func commonest(sequences map[int]coordinate) (best coordinate, most int) {
	type place struct{ row, column int }
	votes, weights := map[place]int{}, map[place]float64{}
	for _, idx := range slices.Sorted(maps.Keys(sequences)) {
		c := sequences[idx]
		at := place{c.row, c.column}
		votes[at]++
		weights[at] = c.weight // one weight, whatever the sequence
	}
	for at, n := range votes {
		if n > most || n == most && (at.row < best.row || at.row == best.row && at.column < best.column) {
			best, most = coordinate{at.row, at.column, weights[at]}, n
		}
	}
	return best, most
}

func medianSize(values []float64) float64 {
	for i := range values {
		values[i] = math.Abs(values[i])
	}
	return fit.Median(values)
}

// overMedian divides each layer's value by the median over the layers of its step.
func overMedian(values []LayerValue) map[point]float64 {
	steps := map[int][]float64{}
	for _, v := range values {
		steps[v.Step] = append(steps[v.Step], v.Value)
	}
	for step, x := range steps {
		steps[step] = []float64{fit.Median(x)}
	}
	over := map[point]float64{}
	for _, v := range values {
		over[point{v.Step, v.Layer}] = v.Value / steps[v.Step][0]
	}
	return over
}
