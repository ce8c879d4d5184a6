package main

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"github.com/outcrop-lab/outcrop/bench/steady"
	"github.com/outcrop-lab/outcrop/trainer"
	"github.com/outcrop-lab/outcrop/variant"
)

// sizes are the shapes by name; peer/step.py has the same.
var sizes = map[string]steady.Size{
	"a": {Layers: 2, Width: 64, Heads: 2, Context: 64, Batch: 16, Vocab: 256},
	"b": {Layers: 4, Width: 128, Heads: 4, Context: 128, Batch: 16, Vocab: 256},
	"c": {Layers: 6, Width: 256, Heads: 8, Context: 256, Batch: 8, Vocab: 4096},
	"d": {Layers: 8, Width: 512, Heads: 8, Context: 256, Batch: 8, Vocab: 8192},
}

// size returns the shape that the options name, with their batch if they set one.
func (o options) size() (steady.Size, error) {
	s, ok := sizes[o.Size]
	switch {
	case !ok:
		return s, variant.Errorf("size", "%v", variant.Unknown("size", o.Size, slices.Sorted(maps.Keys(sizes))))
	case o.Batch < 0:
		return s, variant.Errorf("batch", "must be at least 1, or 0 for the size's, is %d", o.Batch)
	case o.Batch > 0:
		s.Batch = o.Batch
	}
	return s, nil
}

// firstLoss returns the expected loss before the first update, nats per token. Each logit is the product of a
// normalised row and weights from N(0, .02^2), so it is Gaussian with variance D .02^2. The expected log-sum-exp of V
// such logits less the mean of one is ln V + D .02^2 / 2.
func firstLoss(s steady.Size) float64 {
	return math.Log(float64(s.Vocab)) + float64(s.Width)*.02*.02/2
}

// configOf returns the configuration of the timed run, with the given number of steps. The default number of slices is
// the number of threads.
func configOf(o options, steps int) (trainer.Config, error) {
	s, err := o.size()
	if err != nil {
		return trainer.Config{}, err
	}
	c, err := s.Config(steps)
	if err != nil {
		return c, err
	}
	c.Train.Slices, c.Train.Precision = cmp.Or(o.Slices, o.Threads), o.Precision
	if err := c.Optim.Choose(o.Optimizer); err != nil {
		return c, variant.Errorf("optimizer", "%v", err)
	}
	return c, nil
}

// setting returns the options with their defaults filled in from the run's configuration.
func (o options) setting(c trainer.Config) setting {
	return setting{o.Size, c.Train.Batch, o.Threads, c.Train.Slices, c.Train.Precision, o.Optimizer, c.Train.Steps}
}
