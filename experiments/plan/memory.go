package plan

import (
	"math"

	"github.com/outcrop-lab/outcrop/trainer"
)

// Memory forecasts the peak resident memory of a run's worker, with the data that it holds, in bytes. A test compares
// the forecast with real workers.
func Memory(p Planned) float64 {
	const process = 64 << 20 // Go, SQLite, and the arenas' last regions
	return math.Round(process + p.Data.Memory + Parts(p).Total())
}

// Parts forecasts how many bytes each part of a run holds at the run's peak. For each token of the batch, every block
// keeps the values that its matrices read and write. Parts assumes that a block also keeps 14 times the model's width
// in further values, as with the most demanding variants. The logits and the values that pass between ops are held
// once, not for each block. The held-out graphs keep two widths a token in each block, for the norms. The probe's graph
// may be asked for everything that a block keeps; Parts assumes half of that. The probe may also need an attention
// pattern of context² values for each sequence, layer and head.
func Parts(p Planned) trainer.Memory {
	a, c := p.Config.Arch, p.Config
	layers, width, vocab := float64(a.Layers), float64(a.Width), float64(p.Vocab)
	context := float64(a.Context + a.Registers + 1)
	batch, probe := float64(c.Train.Batch)*context, float64(c.Probe.Sequences)*context
	kept, passed := p.shape.widths+14*layers*width, 16*width+2*vocab
	slices, pairs := float64(c.Train.Slices), float64((c.Train.Slices+1)/2)
	once := p.shape.once
	return trainer.Memory{
		Params:      4 * p.shape.all,
		Gradients:   4 * (once*pairs + (p.shape.all-once)*slices),
		Optimizer:   4 * p.moments(),
		Activations: 4 * batch * (kept + passed),
		Measuring: 4 * (batch*2*layers*width + probe*(kept/2+passed) + probe*context*layers*float64(a.Heads) +
			3*float64(c.Probe.HeldOut)*context),
		Scratch: (1 + 2*slices) * (2 << 20),
	}
}
