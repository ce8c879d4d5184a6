// Package run holds one resolved run of a plan: its id, the assignment that its worker reads, and its provenance.
package run

import (
	"github.com/outcrop-lab/outcrop/experiments/folder"
	"github.com/outcrop-lab/outcrop/experiments/stopping"
	"github.com/outcrop-lab/outcrop/trainer"
)

// Run is one resolved run, with everything that a worker needs to train or measure it.
type Run struct {
	ID         string
	Seed       uint64
	Config     trainer.Config
	DataDigest string
	// DataFiles are the files that the data was read from when the run was planned; nil if there are none.
	DataFiles []folder.DataFile
	// Device is the resolved kind of device: "cpu".
	Device string
	// Trainer is the trainer version under which the run was planned; 0 stands for that of this program.
	Trainer int
	// Params is the number of parameters; 0 if the number is not known.
	Params int
	// Stopping is the sweep's rule for stopping early; nil if runs are trained to their ends.
	Stopping *stopping.Rule
	// Until is the step at which halving stops the worker; 0 if the worker trains the run to its end.
	Until int
	// Measure, if it is not nil, makes the worker measure the run instead of training it.
	Measure *Measuring
}

// Measuring says which steps of a run are to be measured again. It also holds the run's status, step, error and number
// of parameters, which measuring leaves unchanged.
type Measuring struct {
	// Steps lists the steps in ascending order. Each step has a checkpoint, except step 0, whose parameters follow from
	// the seed.
	Steps  []int  `json:"steps"`
	Status string `json:"status"`
	Step   int    `json:"step"`
	Error  string `json:"error,omitempty"`
	Params int    `json:"params"`
}
