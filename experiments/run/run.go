// Package run holds one resolved run of a plan: its id, the assignment that its worker reads, and its provenance.
package run

import (
	"github.com/outcrop-lab/outcrop/experiments/stopping"
	"github.com/outcrop-lab/outcrop/trainer"
)

// Run is one resolved run: all that a worker needs to train or measure it.
type Run struct {
	ID         string
	Seed       uint64
	Config     trainer.Config
	DataDigest string
	// Device is the resolved kind of device: "cpu".
	Device string
	// Params is the number of parameters; 0 if it is not known.
	Params int
	// Stopping is the sweep's rule; nil if runs are trained to their end.
	Stopping *stopping.Rule
	// Until is the step at which halving stops the worker; 0 for the run's end.
	Until int
	// Measure, if not nil, says what the worker measures instead of training the run.
	Measure *Measuring
}

// Measuring says which steps of a run are measured again, and gives the run's status, which measuring does not change.
type Measuring struct {
	// Steps ascend. Each has a checkpoint, except step 0, whose parameters follow from the seed.
	Steps  []int  `json:"steps"`
	Status string `json:"status"`
	Step   int    `json:"step"`
	Error  string `json:"error,omitempty"`
	Params int    `json:"params"`
}
