package main

import (
	"maps"
	"math"
	"slices"

	"github.com/outcrop-lab/outcrop/trainer"
	"github.com/outcrop-lab/outcrop/variant"
)

// size is a model and its batch: pre-norm RMSNorm, a GELU MLP of four times the width, an untied head.
type size struct{ layers, width, heads, context, batch, vocab int }

var sizes = map[string]size{
	"a": {2, 64, 2, 64, 16, 256},
	"b": {4, 128, 4, 128, 16, 256},
	"c": {6, 256, 8, 256, 8, 4096},
	"d": {8, 512, 8, 256, 8, 8192},
}

// sizeOf is the size of that name.
func sizeOf(name string) (size, error) {
	s, ok := sizes[name]
	if !ok {
		return s, variant.Errorf("size", "%v", variant.Unknown("size", name, slices.Sorted(maps.Keys(sizes))))
	}
	return s, nil
}

// gflop is 6 B T (12 L D^2 + D V) + 7 L T D B T, in units of 1e9, whatever is recomputed.
func (s size) gflop() float64 {
	l, d, t, b, v := float64(s.layers), float64(s.width), float64(s.context), float64(s.batch), float64(s.vocab)
	return (6*b*t*(12*l*d*d+d*v) + 7*l*t*d*b*t) / 1e9
}

// firstLoss is the expected loss before the first update, nats per token: each logit is the product of a normalised row and
// weights from N(0, .02^2), so a Gaussian of variance D .02^2, and E log(sum of exp) of V such less the mean of one is
// ln V + D .02^2 / 2.
func (s size) firstLoss() float64 {
	return math.Log(float64(s.vocab)) + float64(s.width)*.02*.02/2
}

// configOf is the run that is timed, of so many steps. Measured are the first and the last alone, on as little as can be.
func configOf(o options, steps int) (trainer.Config, error) {
	c := trainer.Default()
	s, err := sizeOf(o.Size)
	if err != nil {
		return c, err
	}
	c.Arch.Layers, c.Arch.Width, c.Arch.Heads, c.Arch.Context, c.Arch.Vocab = s.layers, s.width, s.heads, s.context, s.vocab
	if err := c.Optim.Choose(o.Optimizer); err != nil {
		return c, variant.Errorf("optimizer", "%v", err)
	}
	c.Train.Steps, c.Train.Batch, c.Train.Slices, c.Train.Precision = steps, s.batch, o.Slices, o.Precision
	c.Probe.Statistics, c.Probe.Sequences, c.Probe.HeldOut = []string{"top1"}, 1, 1
	err = c.Probe.Every.Choose("steps")
	if every, ok := c.Probe.Every.Value.(*trainer.Every); ok {
		every.N = max(1, steps)
	}
	return c, err
}
