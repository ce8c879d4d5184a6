// Package run is one run of a plan, resolved: its id, the assignment that its worker reads, and its provenance.
package run

import (
	"github.com/outcrop-lab/outcrop/experiments/stopping"
	"github.com/outcrop-lab/outcrop/trainer"
)

// Run is one run, resolved: all that a worker needs to train or measure it.
type Run struct {
	ID         string
	Seed       uint64
	Config     trainer.Config
	DataDigest string
	// Device is the kind, resolved: "cpu".
	Device string
	// Params is the number of parameters; 0 where it is not known.
	Params int
	// Stopping is the sweep's rule; nil where runs are trained to their end.
	Stopping *stopping.Rule
	// Until is the step at which its worker stops, for halving; 0 for its end.
	Until int
	// Measure has the worker measure the run and train nothing; nil trains it.
	Measure *Measuring
}

// Measuring says which steps of a run are measured again, and how the run stands, which measuring does not change.
type Measuring struct {
	// Steps ascend. Each has a checkpoint, except step 0, whose parameters follow from the seed.
	Steps  []int  `json:"steps"`
	Status string `json:"status"`
	Step   int    `json:"step"`
	Error  string `json:"error,omitempty"`
	Params int    `json:"params"`
}
