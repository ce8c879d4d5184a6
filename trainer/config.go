// Package trainer runs one training, from the first batch to the last checkpoint.
package trainer

import (
	"slices"

	"github.com/outcrop-lab/outcrop/archs"
	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/count"
	"github.com/outcrop-lab/outcrop/data"
	"github.com/outcrop-lab/outcrop/optim"
	"github.com/outcrop-lab/outcrop/probes"
	"github.com/outcrop-lab/outcrop/variant"
)

// Version is the trainer version. It is raised by hand whenever a change to the code alters the bits of a run, and it
// is part of a run's identity.
const Version = 4

// Config is the resolved configuration of one run. It is canonical: a run's id is computed from it. Only Checkpoint,
// and those keys of Probe that merely choose which rows are recorded, are left out of the id.
type Config struct {
	Arch       archs.Config         `json:"arch" doc:"the transformer"`
	Optim      optim.Config         `json:"optim" doc:"the optimizer"`
	Schedule   optim.ScheduleConfig `json:"schedule" doc:"the learning rate over the steps"`
	Data       data.Config          `json:"data" doc:"what is trained on"`
	Train      Train                `json:"train" doc:"how long to train, on how large a batch, and in which precision"`
	Probe      Probe                `json:"probe" doc:"what is measured, when, and on which sequences"`
	Checkpoint Checkpoint           `json:"checkpoint" doc:"how often the run's state is saved"`
	Seed       uint64               `json:"seed"`
}

// Train says how long to train, on how large a batch, and in which precision.
type Train struct {
	Steps     int    `json:"steps" max:"2^53" doc:"updates"`
	Batch     int    `json:"batch" max:"2^24" doc:"sequences per step, a multiple of slices"`
	Slices    int    `json:"slices" max:"2^10" doc:"parts of the batch; gradients are summed in this order: the bits depend on it"`
	Precision string `json:"precision" enum:"float32,bf16" doc:"of the factors in linear layers; all else is float32"`
}

// Probe says what is measured, when, and on which sequences.
type Probe struct {
	Every      variant.Slot[Steps] `json:"every" doc:"at which steps to measure"`
	LogEvery   int                 `json:"log_every" max:"2^53" doc:"steps between rows of loss, rate and gradient norm; 0 for measured steps alone"`
	Sites      []string            `json:"sites" doc:"for the statistics that take any token site; none: each one's own"`
	Statistics []string            `json:"statistics" doc:"which are computed; none means the default set"`
	Snapshots  Snapshots           `json:"snapshots" doc:"|activation| landscapes to keep"`
	Sequences  int                 `json:"sequences" max:"2^20" doc:"held-out sequences of the probe batch (ten in arXiv 2508.03616)"`
	HeldOut    int                 `json:"heldout" max:"2^24" doc:"held-out sequences over which losses and risks are averaged"`
}

// Checkpoint says how often the run's state is saved, how many of the newest checkpoints are kept, and which
// checkpoints are kept forever.
type Checkpoint struct {
	Every     int `json:"every" max:"2^53" doc:"steps between two checkpoints; 0 saves the last only"`
	Keep      int `json:"keep" max:"2^53" doc:"how many of the newest stay"`
	KeepEvery int `json:"keep_every" max:"2^53" doc:"checkpoints at its multiples stay forever; a multiple of every, or 0 for none"`
}

// Default returns the configuration that an empty sweep file describes.
func Default() Config {
	return Config{
		Arch:     archs.Default(),
		Optim:    optim.Default(),
		Schedule: optim.DefaultSchedule(),
		Data:     data.Default(),
		Train:    Train{Steps: 1000, Batch: 64, Slices: 2, Precision: "float32"},
		Probe: Probe{Every: variant.New("probe schedule", steps, "log"), LogEvery: 10, Sequences: 10, HeldOut: 512,
			Snapshots: Snapshots{Site: probes.ResidPost, Sequences: 1}},
		Checkpoint: Checkpoint{Every: 0, Keep: 2},
	}
}

const tiedHead = "has no effect, because arch.tied leaves the head no weights of its own: " +
	"set groups.embedding, or remove this key"

var precisions = []string{string(compute.Float32), string(compute.BF16)}

// CanRun returns a *variant.Error if this machine lacks what the configuration needs on the given kernel path; kernels
// = "" chooses the machine's best path. If the configuration is valid, the only thing that can be missing is an
// instruction that train.precision needs.
func (c Config) CanRun(kernels string) error {
	if err := compute.Can(kernels, compute.Precision(c.Train.Precision)); err != nil {
		return variant.Errorf("train.precision", "%v", err)
	}
	return nil
}

// Validate checks the whole configuration and returns a *variant.Error that names the faulty key, or nil. It opens no
// file, and its result does not depend on the machine. A valid configuration's sizes can be multiplied in pairs without
// overflow, but may need more memory than any machine has; package plan refuses that.
func (c Config) Validate() error {
	if err := variant.CheckLargest(&c); err != nil {
		return err
	}
	if err := c.Arch.Validate(); err != nil {
		return err
	}
	for _, check := range []struct {
		key      string
		validate func() error
	}{{"optim", c.Optim.Validate}, {"schedule", c.Schedule.Validate}, {"data", c.Data.Value.Validate},
		{"probe.every", c.Probe.Every.Value.Validate}} {
		if err := check.validate(); err != nil {
			return variant.Within(check.key, err)
		}
	}
	head, usual := c.Optim.Groups.Head, optim.Default().Groups.Head
	switch {
	case c.Arch.Tied && head.LR != usual.LR:
		return variant.Errorf("optim.groups.head.lr_factor", tiedHead)
	case c.Arch.Tied && head.WeightDecay != usual.WeightDecay:
		return variant.Errorf("optim.groups.head.weight_decay_factor", tiedHead)
	case c.Train.Steps < 0:
		return variant.Errorf("train.steps", "must not be negative, is %d", c.Train.Steps)
	case c.Train.Slices < 1:
		return variant.Errorf("train.slices", "must be at least 1, is %d", c.Train.Slices)
	case c.Train.Batch < 1 || c.Train.Batch%c.Train.Slices != 0:
		return variant.Errorf("train.batch", "must be a positive multiple of train.slices (%d), is %d",
			c.Train.Slices, c.Train.Batch)
	case !slices.Contains(precisions, c.Train.Precision):
		return variant.Errorf("train.precision", "%s", variant.Unknown("precision", c.Train.Precision, precisions))
	case c.Probe.LogEvery < 0:
		return variant.Errorf("probe.log_every", "must not be negative, is %d", c.Probe.LogEvery)
	case c.Probe.Sequences < 1:
		return variant.Errorf("probe.sequences", "must be at least 1, is %d", c.Probe.Sequences)
	case c.Probe.HeldOut < c.Probe.Sequences:
		return variant.Errorf("probe.heldout", "must be at least probe.sequences (%d), is %d",
			c.Probe.Sequences, c.Probe.HeldOut)
	case c.Checkpoint.Every < 0:
		return variant.Errorf("checkpoint.every", "must not be negative, is %d", c.Checkpoint.Every)
	case c.Checkpoint.Keep < 1:
		return variant.Errorf("checkpoint.keep", "must be at least 1, is %d", c.Checkpoint.Keep)
	case c.Checkpoint.KeepEvery < 0 || c.Checkpoint.KeepEvery > 0 &&
		(c.Checkpoint.Every == 0 || c.Checkpoint.KeepEvery%c.Checkpoint.Every != 0):
		return variant.Errorf("checkpoint.keep_every", "must be a multiple of checkpoint.every (%d), or 0, is %d",
			c.Checkpoint.Every, c.Checkpoint.KeepEvery)
	}
	return c.validateProbe()
}

// Remarks returns what is allowed but seldom meant, as errors at its keys: see optim.ScheduleConfig.Remark, and a probe
// schedule whose second step lies beyond the run.
func (c Config) Remarks() (remarks []error) {
	schedule := c.Schedule.InSteps(c.Train.Batch * c.Arch.Context)
	if err := schedule.Remark(c.Train.Steps); err != nil {
		remarks = append(remarks, variant.Within("schedule", err))
	}
	if every, ok := c.Probe.Every.Value.(*Every); ok && c.Train.Steps > 0 && every.N > c.Train.Steps {
		remarks = append(remarks, variant.Errorf("probe.every.n", "is %d, but the run has %s: only the first and the "+
			"last are measured", every.N, count.Of(c.Train.Steps, "step")))
	}
	return remarks
}

// validateProbe checks the sites and statistics, and the snapshots.
func (c Config) validateProbe() error {
	if len(c.Probe.Sites)+len(c.Probe.Statistics) == 0 {
		return c.Probe.Snapshots.validate(c)
	}
	for _, list := range []struct {
		key, kind    string
		names, known []string
	}{{"probe.sites", "site", c.Probe.Sites, archs.Sites()},
		{"probe.statistics", "statistic", c.Probe.Statistics, probes.Names()}} {
		for i, name := range list.names {
			if !slices.Contains(list.known, name) {
				return variant.Errorf(list.key, "%v", variant.Unknown(list.kind, name, list.known))
			}
			if slices.Contains(list.names[:i], name) {
				return variant.Errorf(list.key, "names %s twice", name)
			}
		}
	}
	return c.Probe.Snapshots.validate(c)
}

// Statistics lists the names of the statistics that are computed: those that the configuration names, or else the
// default ones of its architecture.
func (c Config) Statistics() []string {
	if len(c.Probe.Statistics) > 0 {
		return c.Probe.Statistics
	}
	return probes.Default(min(c.Arch.Context, c.Arch.Width))
}

func (c Config) plan() probes.Plan { return probes.NewPlan(c.Probe.Sites, c.Statistics()) }
