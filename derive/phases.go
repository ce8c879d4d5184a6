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

// Phase is what a layer does to the representation (arXiv 2510.06477).
type Phase string

// The phases, in the order of depth.
const (
	Mix      Phase = "mix"
	Compress Phase = "compress"
	Refine   Phase = "refine"
)

// valley is the smallest depth of a compression valley, as a share of the largest entropy over layers.
const valley = 0.2

// LayerPhase is a layer's phase at a step.
type LayerPhase struct {
	Step, Layer int
	Phase       Phase
	Entropy     float64 // bits
}

// Phases returns the phase of each layer from its matrix_entropy at resid_post, by a rule of our own. A layer
// compresses if its entropy is below the midpoint of the largest and the smallest entropy over layers, or if the layer
// lies between two such layers. Layers before these mix, and layers after them refine. If the smallest entropy is not
// at least 20 % below the largest, there is no valley, and all layers mix. A layer whose entropy is NaN has no phase.
// (The paper states the shares of depth that it observed: mix 0-20 %, compress 20-85 %, refine 85-100 %.)
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
