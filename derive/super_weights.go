package derive

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"github.com/outcrop-lab/outcrop/fit"
)

// Spike is the threshold above which the largest input and output of a down projection count as spikes, as a multiple
// of their median over layers. The threshold is our own: arXiv 2411.07191 uses |v| > 50, at a width of 4096.
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

// Candidate is the coordinate in a layer's W_down at which a super weight would be at one step: W_down[Row, Column],
// where W_down has the shape [out, in].
type Candidate struct {
	Step, Layer, Row, Column int
	// Input is the median over sequences of the largest |x| at the down projection's input, divided by the median of
	// this number over layers. Output is the same for the down projection's output. Both are 1 if there is only one
	// layer, and at most 2 if there are two layers.
	Input, Output float64
	// Agreeing is the share of sequences whose own coordinate (the channels of the largest output and input) is Row,
	// Column. A sequence of which only one of the two was measured does not count.
	Agreeing float64
	Weight   float64 // W_down[Row, Column]; NaN if it was not measured
	// Since is the earliest measured step such that the layer has this coordinate at all measured steps from Since to
	// Step.
	Since int
}

// Spikes reports whether both Input and Output exceed the given multiple.
func (c Candidate) Spikes(multiple float64) bool { return c.Input > multiple && c.Output > multiple }

// SuperWeights returns a Candidate for each layer and step: the coordinate on which the most sequences agree, and how
// far its input and output stand out (arXiv 2411.07191). The candidates are sorted by step, then layer. SuperWeights
// reads the rows of super_weight_row, super_weight_column, super_weight_input, super_weight_output and
// super_weight_value.
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

// coordinates returns the row, column and weight of each sequence that has a row and a column, by idx.
func coordinates(rows []Row) map[point]map[int]coordinate {
	type sequence struct {
		point
		idx int
	}
	read := func(site, statistic string) map[sequence]float64 {
		values := map[sequence]float64{}
		for _, r := range pick(rows, site, statistic) {
			if !math.IsNaN(r.Value) {
				values[sequence{pointOf(r), r.Idx}] = r.Value
			}
		}
		return values
	}
	columns, weights := read(downIn, "super_weight_column"), read("", "super_weight_value")
	places := map[point]map[int]coordinate{}
	for at, row := range read(mlpOut, "super_weight_row") {
		column, ok := columns[at]
		if !ok {
			continue
		}
		if places[at.point] == nil {
			places[at.point] = map[int]coordinate{}
		}
		weight, ok := weights[at]
		if !ok {
			weight = math.NaN()
		}
		places[at.point][at.idx] = coordinate{row: int(row), column: int(column), weight: weight}
	}
	return places
}

// commonest returns the coordinate that most sequences have, and their number. Among equally common coordinates it
// takes the first by row, then column.
func commonest(sequences map[int]coordinate) (best coordinate, most int) {
	type place struct{ row, column int }
	votes, weights := map[place]int{}, map[place]float64{}
	for _, idx := range slices.Sorted(maps.Keys(sequences)) {
		c := sequences[idx]
		at := place{c.row, c.column}
		votes[at]++
		if _, ok := weights[at]; !ok || !math.IsNaN(c.weight) {
			weights[at] = c.weight // one weight, whatever the sequence
		}
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
