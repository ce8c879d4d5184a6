package trainer

import "github.com/outcrop-lab/outcrop/probes"

// Recorder receives what a run measures. All values of a step come in one call; after a resume a step may come again,
// with the same values. The run reuses the slice: Record must not retain it.
type Recorder interface {
	Record(step int, values []probes.Value) error
	// Timing receives a clock value. Clock values are not part of a run's identity.
	Timing(step int, name string, value float64) error
}

// Status is how a run ended.
type Status string

// The ways a run ends.
const (
	Done     Status = "done"
	Stopped  Status = "stopped" // interrupted; the same call resumes from the newest checkpoint
	Diverged Status = "diverged"
)

// Options says where and how to run. None of it is part of the run's identity.
type Options struct {
	Dir      string // the run's folder, for checkpoints/
	Run      string // the run's id, which is stored in its checkpoints; "" for none
	Threads  int    // at most Train.Slices are used
	Kernels  string // kernel path: "" for the machine's best, or "amx", "avx512", "avx2", "portable"
	Recorder Recorder
	Progress func(step int, loss float64) // called after every update; may be nil
	// Refused is called for each checkpoint that Run refused and set aside, with the step that it resumes from. It may be
	// nil.
	Refused func(r Refusal, from int)
}

// Result is the outcome of a run.
type Result struct {
	Status Status
	Step   int     // updates done
	Params int     // number of scalars
	Loss   float64 // of the last batch, in nats per token
	Memory Memory
}
