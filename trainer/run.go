package trainer

import (
	"context"
	"errors"

	"github.com/outcrop-lab/outcrop/probes"
)

// Recorder takes what a run measures. Values of one step come in one call; a step may come again after a resume.
type Recorder interface {
	Record(step int, values []probes.Value) error
	// Timing takes clock values, which are not part of a run's identity.
	Timing(step int, name string, value float64) error
}

// Status is how a run ended.
type Status string

// The ways a run ends.
const (
	Done     Status = "done"
	Stopped  Status = "stopped" // interrupted; the same call goes on from the newest checkpoint
	Diverged Status = "diverged"
)

// Progress is told after every step.
type Progress func(step int, loss float64)

// Options is where and how to run, none of it part of the run's identity.
type Options struct {
	Dir      string // the run's folder, for checkpoints/
	Threads  int    // at most Train.Slices are used
	Kernels  string // kernel path: "" for the machine's best, or "avx512", "avx2", "portable"
	Recorder Recorder
	Progress Progress
}

// Result is what a run came to.
type Result struct {
	Status Status
	Step   int // updates done
	Params int // number of parameters
	Loss   float64
}

// Run trains to the end, to the cancellation of ctx (Stopped, after writing a checkpoint), or to divergence. It goes on from the newest
// sound checkpoint in Dir.
func Run(ctx context.Context, c Config, o Options) (Result, error) {
	return Result{}, errors.New("trainer: not built yet")
}
