package trainer

import "github.com/outcrop-lab/outcrop/probes"

// Recorder takes what a run measures. A step's values come in one call; a step may come again, with the same
// values, after a resume. The slice is the run's: Record keeps none of it.
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

// Options is where and how to run, none of it part of the run's identity.
type Options struct {
	Dir      string // the run's folder, for checkpoints/
	Run      string // the run's id, which its checkpoints bear; "" for none
	Threads  int    // at most Train.Slices are used
	Kernels  string // kernel path: "" for the machine's best, or "amx", "avx512", "avx2", "portable"
	Recorder Recorder
	Progress func(step int, loss float64) // told after every update; may be nil
	// Refused is told of each checkpoint that Run passed over and set aside, and of the step that it goes on from; it may
	// be nil.
	Refused func(r Refusal, from int)
}

// Result is what a run came to.
type Result struct {
	Status Status
	Step   int     // updates done
	Params int     // number of scalars
	Loss   float64 // of the last batch, in nats per token
	Memory Memory
}
