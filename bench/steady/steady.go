// Package steady provides what the benchmarks share: the shapes of the models whose training steps they time,
// configurations in which nothing is measured between the first and the last step, and the worker process for whole
// runs.
package steady

import (
	"syscall"

	"github.com/outcrop-lab/outcrop/probes"
	"github.com/outcrop-lab/outcrop/trainer"
)

// Size is the shape of a model and its batch. The model has pre-norm RMSNorm, a GELU MLP with a hidden layer four times
// as wide as the model, and an untied head.
type Size struct {
	Layers  int `json:"layers"`
	Width   int `json:"width"`
	Heads   int `json:"heads"`
	Context int `json:"context"`
	Batch   int `json:"batch"`
	Vocab   int `json:"vocab"`
}

// GFLOP returns the number of operations of a training step, 6 B T (12 L D^2 + D V) + 7 L T D B T, in units of 1e9. The
// formula does not count what the backward pass recomputes.
func (s Size) GFLOP() float64 {
	l, d, t, b, v := float64(s.Layers), float64(s.Width), float64(s.Context), float64(s.Batch), float64(s.Vocab)
	return (6*b*t*(12*l*d*d+d*v) + 7*l*t*d*b*t) / 1e9
}

// Config returns the configuration of a run with the given number of steps, which trains each batch in one slice. Only
// the first and the last step are measured, as cheaply as possible.
func (s Size) Config(steps int) (trainer.Config, error) {
	c := trainer.Default()
	c.Arch.Layers, c.Arch.Width, c.Arch.Heads = s.Layers, s.Width, s.Heads
	c.Arch.Context, c.Arch.Vocab = s.Context, s.Vocab
	c.Train.Steps, c.Train.Batch, c.Train.Slices = steps, s.Batch, 1
	c.Probe.Statistics, c.Probe.Sequences, c.Probe.HeldOut = []string{"top1"}, 1, 1
	err := c.Probe.Every.Choose("steps")
	if every, ok := c.Probe.Every.Value.(*trainer.Every); ok {
		every.N = max(1, steps)
	}
	return c, err
}

// Warm is the number of initial steps that are not timed. In these steps the tape runs, and memory is touched, for the
// first time.
const Warm = 3

// Nothing is a recorder that discards everything.
type Nothing struct{}

// Record implements trainer.Recorder.
func (Nothing) Record(int, []probes.Value) error { return nil }

// Timing implements trainer.Recorder.
func (Nothing) Timing(int, string, float64) error { return nil }

// Processor returns the processor time that this process has used so far, in milliseconds.
func Processor() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // cannot fail with these arguments
	}
	return 1e3*float64(u.Utime.Sec+u.Stime.Sec) + 1e-3*float64(u.Utime.Usec+u.Stime.Usec)
}
