// Package trainer runs one training, from the first batch to the last checkpoint.
package trainer

import (
	"slices"

	"github.com/outcrop-lab/outcrop/archs"
	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/data"
	"github.com/outcrop-lab/outcrop/optim"
	"github.com/outcrop-lab/outcrop/probes"
	"github.com/outcrop-lab/outcrop/variant"
)

// Version is raised by hand whenever a change alters the bits of a run. It is part of a run's identity.
const Version = 4

// Config is one run, resolved. It is the canonical configuration: a run's id is computed from it, less Checkpoint and
// what of Probe changes no row but which there are.
type Config struct {
	Arch       archs.Config         `json:"arch" doc:"the transformer"`
	Optim      optim.Config         `json:"optim" doc:"the optimizer"`
	Schedule   optim.ScheduleConfig `json:"schedule" doc:"the learning rate over the steps"`
	Data       data.Config          `json:"data" doc:"what is trained on"`
	Train      Train                `json:"train" doc:"how long and how wide to train"`
	Probe      Probe                `json:"probe" doc:"when and on what activations are measured"`
	Checkpoint Checkpoint           `json:"checkpoint" doc:"how often the run's state is kept"`
	Seed       uint64               `json:"seed"`
}

// Train is how long and how wide to train.
type Train struct {
	Steps     int    `json:"steps" doc:"updates"`
	Batch     int    `json:"batch" doc:"sequences a step, a multiple of slices"`
	Slices    int    `json:"slices" doc:"parts of the batch; gradients are summed in slice order, so the bits depend on it"`
	Precision string `json:"precision" enum:"float32,bf16" doc:"of the numbers that the model's linear layers multiply; all sums and all else are float32"`
}

// Probe is when, where and on what activations are measured.
type Probe struct {
	Every      variant.Slot[Steps] `json:"every" doc:"at which steps to measure"`
	Sites      []string            `json:"sites" doc:"of the statistics that take any site of tokens; none means each statistic's own. The others stay at theirs"`
	Statistics []string            `json:"statistics" doc:"what is measured; none means the default set"`
	Snapshots  Snapshots           `json:"snapshots" doc:"|activation| landscapes to keep"`
	Sequences  int                 `json:"sequences" doc:"held-out sequences of the probe batch (ten in arXiv 2508.03616)"`
	HeldOut    int                 `json:"heldout" doc:"held-out sequences over which losses and risks are averaged"`
}

// Checkpoint is how often the run's state is kept, how many of the newest stay, and which stay for ever.
type Checkpoint struct {
	Every     int `json:"every" doc:"steps between two checkpoints; 0 keeps the last only"`
	Keep      int `json:"keep" doc:"how many of the newest stay"`
	KeepEvery int `json:"keep_every" doc:"those at its multiples stay for ever, a multiple of every; 0 for none"`
}

// Default is the configuration that an empty sweep file means.
func Default() Config {
	return Config{
		Arch:     archs.Default(),
		Optim:    optim.Default(),
		Schedule: optim.DefaultSchedule(),
		Data:     data.Default(),
		Train:    Train{Steps: 1000, Batch: 64, Slices: 2, Precision: "float32"},
		Probe: Probe{Every: variant.New("probe schedule", steps, "pythia"), Sequences: 10, HeldOut: 512,
			Snapshots: Snapshots{Site: probes.ResidPost, Sequences: 1}},
		Checkpoint: Checkpoint{Every: 0, Keep: 2},
	}
}

const tiedHead = "arch.tied leaves no head of its own, so that this changes nothing: say it of groups.embedding, or leave it out"

var precisions = []string{string(compute.Float32), string(compute.BF16)}

// CanRun returns a *variant.Error where this machine, with that kernel path ("" for its best), lacks what the configuration
// needs. Of a sound configuration that is an instruction for train.precision.
func (c Config) CanRun(kernels string) error {
	if err := compute.Can(kernels, compute.Precision(c.Train.Precision)); err != nil {
		return variant.Errorf("train.precision", "%v", err)
	}
	return nil
}

// Validate checks the whole configuration and returns a *variant.Error naming the key at fault. It opens no file, and asks
// nothing of the machine.
func (c Config) Validate() error {
	if err := c.Arch.Validate(); err != nil {
		return err
	}
	for _, check := range []struct {
		key      string
		validate func() error
	}{{"optim", c.Optim.Validate}, {"schedule", c.Schedule.Validate}, {"data", c.Data.Value.Validate}, {"probe.every", c.Probe.Every.Value.Validate}} {
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
		return variant.Errorf("train.batch", "must be a positive multiple of train.slices (%d), is %d", c.Train.Slices, c.Train.Batch)
	case !slices.Contains(precisions, c.Train.Precision):
		return variant.Errorf("train.precision", "%s", variant.Unknown("precision", c.Train.Precision, precisions))
	case c.Probe.Sequences < 1:
		return variant.Errorf("probe.sequences", "must be at least 1, is %d", c.Probe.Sequences)
	case c.Probe.HeldOut < c.Probe.Sequences:
		return variant.Errorf("probe.heldout", "must be at least probe.sequences (%d), is %d", c.Probe.Sequences, c.Probe.HeldOut)
	case c.Checkpoint.Every < 0:
		return variant.Errorf("checkpoint.every", "must not be negative, is %d", c.Checkpoint.Every)
	case c.Checkpoint.Keep < 1:
		return variant.Errorf("checkpoint.keep", "must be at least 1, is %d", c.Checkpoint.Keep)
	case c.Checkpoint.KeepEvery < 0 || c.Checkpoint.KeepEvery > 0 && (c.Checkpoint.Every == 0 || c.Checkpoint.KeepEvery%c.Checkpoint.Every != 0):
		return variant.Errorf("checkpoint.keep_every", "must be a multiple of checkpoint.every (%d), or 0, is %d", c.Checkpoint.Every, c.Checkpoint.KeepEvery)
	}
	return c.validateProbe()
}

// validateProbe checks what is measured.
func (c Config) validateProbe() error {
	if len(c.Probe.Sites)+len(c.Probe.Statistics) == 0 {
		return c.Probe.Snapshots.validate(c)
	}
	for _, list := range []struct {
		key, kind    string
		names, known []string
	}{{"probe.sites", "site", c.Probe.Sites, archs.Sites()}, {"probe.statistics", "statistic", c.Probe.Statistics, probes.Names()}} {
		for i, name := range list.names {
			if !slices.Contains(list.known, name) {
				return variant.Errorf(list.key, "%v", variant.Unknown(list.kind, name, list.known))
			}
			if slices.Contains(list.names[:i], name) {
				return variant.Errorf(list.key, "%s comes twice", name)
			}
		}
	}
	return c.Probe.Snapshots.validate(c)
}

func (p Probe) plan() probes.Plan { return probes.NewPlan(p.Sites, p.Statistics) }
