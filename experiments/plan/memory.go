package plan

import "github.com/outcrop-lab/outcrop/trainer"

// Memory is the forecast of the resident memory of a run's worker at its peak, bytes. A test holds it against real workers.
func Memory(p Planned) int64 {
	const process = 64 << 20 // Go, SQLite, and the arenas' last regions
	return process + int64(Parts(p).Total())
}

// Parts is the forecast of what a run holds at its peak, by part. Of a token of its batch the slices keep, in every block, what its
// matrices read and write, and beside it some 14 widths in the most demanding of variants; what passes between ops, and the
// logits, stand there once. The held-out graphs keep a norm's statistics a block, the probe's may be asked for all, here for
// half, and for a pattern of context² a sequence, layer and head.
func Parts(p Planned) trainer.Memory {
	a, c := p.Config.Arch, p.Config
	layers, width, vocab := float64(a.Layers), float64(a.Width), float64(p.Vocab)
	context := float64(a.Context + a.Registers + 1)
	batch, probe := float64(c.Train.Batch)*context, float64(c.Probe.Sequences)*context
	kept, passed := p.shape.widths+14*layers*width, 16*width+2*vocab
	slices := c.Train.Slices
	once := p.shape.once
	bytes := func(floats float64) int { return int(4 * floats) }
	return trainer.Memory{
		Params:      4 * p.Params,
		Gradients:   bytes(once*float64((slices+1)/2) + (float64(p.Params)-once)*float64(slices)),
		Optimizer:   bytes(p.moments()),
		Activations: bytes(batch * (kept + passed)),
		Measuring: bytes(batch*2*layers*width + probe*(kept/2+passed) + probe*context*layers*float64(a.Heads) +
			3*float64(c.Probe.HeldOut)*context),
		Scratch: (1 + 2*slices) * (2 << 20),
	}
}
