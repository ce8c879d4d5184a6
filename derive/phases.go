package derive

import (
	"math"
	"slices"
)

var phases = Quantity{Name: "phases", Formula: "mix, compress or refine, by matrix_entropy against the middle of " +
	"its range over layers", Source: "after 2510.06477", Unit: "bits",
	Needs: []Need{{residPost, "matrix_entropy"}}, Columns: []string{"step", "layer", "phase", "matrix_entropy"},
	Compute: func(rows []Row) (table [][]any) {
		for _, p := range Phases(rows) {
			table = append(table, []any{p.Step, p.Layer, string(p.Phase), p.Entropy})
		}
		return table
	}}

// Phase is what a layer does to the representation, in the terms of arXiv 2510.06477.
type Phase string

// The phases, in order of depth.
const (
	Mix      Phase = "mix"
	Compress Phase = "compress"
	Refine   Phase = "refine"
)

// valley is the smallest depth of a compression valley, as a share of the largest entropy over layers.
const valley = 0.2

// LayerPhase is the phase of a layer at one step.
type LayerPhase struct {
	Step, Layer int
	Phase       Phase
	Entropy     float64 // in bits
}

// Phases returns the phase of each layer at each step, from the layer's matrix_entropy at resid_post. The rule is our
// own. A layer compresses if its entropy is below the midpoint between the smallest and the largest entropy of all
// layers, or if it lies between two layers whose entropy is. Layers before the first compressing layer mix, and layers
// after the last one refine. If the smallest entropy is less than 20 % below the largest, there is no valley, and all
// layers mix. Layers whose entropy is NaN are left out. (The paper gives the depths that it observed: mix 0-20 %,
// compress 20-85 %, refine 85-100 %.)
func Phases(rows []Row) []LayerPhase {
	values := slices.DeleteFunc(Layers(rows, residPost, "matrix_entropy"),
		func(v LayerValue) bool { return math.IsNaN(v.Value) })
	var all []LayerPhase
	for i := 0; i < len(values); {
		j, low, high := i, values[i].Value, values[i].Value
		for ; j < len(values) && values[j].Step == values[i].Step; j++ {
			low, high = min(low, values[j].Value), max(high, values[j].Value)
		}
		first, last := j, i-1 // bounds of the layers that compress; empty at first
		for k := i; k < j; k++ {
			if high-low >= valley*high && values[k].Value < (low+high)/2 {
				first, last = min(first, k), k
			}
		}
		for k := i; k < j; k++ {
			phase := Mix
			switch {
			case k > last && last >= i:
				phase = Refine
			case k >= first:
				phase = Compress
			}
			all = append(all, LayerPhase{values[k].Step, values[k].Layer, phase, values[k].Value})
		}
		i = j
	}
	return all
}
