package trainer

import "github.com/outcrop-lab/outcrop/probes"

// Recorder receives what a run measures. All values of a step come in one call of Record. After a resume, a step that
// was already recorded may come again, with the same values. The run reuses the slice of values, so Record must not
// retain it.
type Recorder interface {
	Record(step int, values []probes.Value) error
	// Timing receives a measured time or speed, which is not part of a run's identity.
	Timing(step int, name string, value float64) error
}

// Status says how a run ended.
type Status string

// The ways a run ends.
const (
	Done     Status = "done"
	Stopped  Status = "stopped" // interrupted; the same call resumes from the newest checkpoint
	Diverged Status = "diverged"
)

// Options says where and how to run. None of it is part of the run's identity.
type Options struct {
	Dir      string // the run's folder, which holds checkpoints/ and snapshots/
	Run      string // the run's id, which its checkpoints store; "" for none
	Threads  int    // number of threads; more than Train.Slices have no effect
	Kernels  string // the kernel path: "amx", "avx512", "avx2" or "portable"; "" for the machine's best
	Recorder Recorder
	// Begun is called by Run before its first step: 0, or that of the checkpoint that it resumes from. It may be nil.
	Begun func(step int)
	// Tokens is called once, before the first row, with what the tokens of the probe batch stand for, by token. It leaves
	// out tokens that stand for nothing but their number. It may be nil.
	Tokens func(labels map[int]string) error
	// Durable returns once everything that Recorder has taken is on disk. Run calls it before a checkpoint appears, so
	// that after a power cut no checkpoint stands without the rows before it. It may be nil.
	Durable  func() error
	Progress func(step int, loss float64) // called by Run after every update, by Measure after every step; may be nil
	// Refused is called for each checkpoint that Run refused and set aside. Its second argument is the step
	// from which Run resumes. Refused may be nil.
	Refused func(r Refusal, from int)
}

// Result is the outcome of a run.
type Result struct {
	Status Status
	Step   int     // number of updates done
	Params int     // number of scalars
	Loss   float64 // of the last batch, in nats per token
	Memory Memory
}
