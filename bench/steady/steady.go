// Package steady is the training step that the benchmarks time, the trainer's own with nothing measured in between, and the worker
// of whole runs.
package steady

import (
	"syscall"

	"github.com/outcrop-lab/outcrop/probes"
	"github.com/outcrop-lab/outcrop/trainer"
)

// Size is a model and its batch: pre-norm RMSNorm, a GELU MLP of four times the width, an untied head.
type Size struct {
	Layers  int `json:"layers"`
	Width   int `json:"width"`
	Heads   int `json:"heads"`
	Context int `json:"context"`
	Batch   int `json:"batch"`
	Vocab   int `json:"vocab"`
}

// GFLOP is 6 B T (12 L D^2 + D V) + 7 L T D B T of a step, in units of 1e9, whatever is recomputed.
func (s Size) GFLOP() float64 {
	l, d, t, b, v := float64(s.Layers), float64(s.Width), float64(s.Context), float64(s.Batch), float64(s.Vocab)
	return (6*b*t*(12*l*d*d+d*v) + 7*l*t*d*b*t) / 1e9
}

// Config is a run of so many steps, in one slice. Measured are the first and the last alone, on as little as can be.
func (s Size) Config(steps int) (trainer.Config, error) {
	c := trainer.Default()
	c.Arch.Layers, c.Arch.Width, c.Arch.Heads, c.Arch.Context, c.Arch.Vocab = s.Layers, s.Width, s.Heads, s.Context, s.Vocab
	c.Train.Steps, c.Train.Batch, c.Train.Slices = steps, s.Batch, 1
	c.Probe.Statistics, c.Probe.Sequences, c.Probe.HeldOut = []string{"top1"}, 1, 1
	err := c.Probe.Every.Choose("steps")
	if every, ok := c.Probe.Every.Value.(*trainer.Every); ok {
		every.N = max(1, steps)
	}
	return c, err
}

// Warm is how many steps come before the first that counts: the tape, and memory touched for the first time.
const Warm = 3

// Nothing records nothing.
type Nothing struct{}

// Record implements trainer.Recorder.
func (Nothing) Record(int, []probes.Value) error { return nil }

// Timing implements trainer.Recorder.
func (Nothing) Timing(int, string, float64) error { return nil }

// Processor is this process's processor time so far, milliseconds.
func Processor() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // the arguments are right
	}
	return 1e3*float64(u.Utime.Sec+u.Stime.Sec) + 1e-3*float64(u.Utime.Usec+u.Stime.Usec)
}
