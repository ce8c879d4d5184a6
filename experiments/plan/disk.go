package plan

import (
	"fmt"
	"slices"

	"github.com/outcrop-lab/outcrop/count"
	"github.com/outcrop-lab/outcrop/probes"
	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/variant"
)

// bytesPerRow is the size of a row in a shard and in the database together, bytesPerRun that of a run's empty shard,
// configuration and log. bench/plan measures both.
const (
	bytesPerRow = 90
	bytesPerRun = 140 << 10
)

// Rows returns the approximate number of rows that the run records. At each measurement, each block has one row for a
// plain statistic, one per head for a statistic of heads, and one per value of the index for an indexed statistic. A
// statistic of token activations has these rows at each configured site. The run itself has seven more rows at each
// measurement, and three at each multiple of probe.log_every.
func (p Planned) Rows() float64 {
	a, probe, wanted := p.Config.Arch, p.Config.Probe, p.Config.Statistics()
	perBlock := 0.0
	for _, s := range statistics() {
		if !slices.Contains(wanted, s.name) {
			continue
		}
		n := 1.0
		switch s.Index {
		case "sequence":
			n = float64(probe.Sequences)
		case "channel":
			n = float64(a.Width)
		case "position":
			n = float64(a.Context)
		}
		if s.Heads {
			n = float64(a.Heads)
		}
		if s.Of == probes.Tokens {
			n *= float64(max(1, len(probe.Sites)))
		}
		perBlock += n
	}
	const ofRun, ofBatch = 7, 3 // losses, risks, norm and rate; loss, norm and rate
	rows := float64(p.Measurements(0)) * (perBlock*float64(a.Layers) + ofRun)
	if every := probe.LogEvery; every > 0 {
		rows += ofBatch * float64(p.Config.Train.Steps/every)
	}
	return rows
}

// checkpoints returns the size of the checkpoints that a run keeps, in bytes: 4 for each parameter and each of the
// optimizer's moments.
func (p Planned) checkpoints() float64 {
	c := p.Config
	kept := 1
	if every := c.Checkpoint.Every; every > 0 && c.Train.Steps > 0 {
		written := (c.Train.Steps-1)/every + 1
		kept = min(c.Checkpoint.Keep, written)
		if forever := c.Checkpoint.KeepEvery; forever > 0 {
			kept = min(written, kept+c.Train.Steps/forever)
		}
	}
	return float64(kept) * 4 * (p.shape.all + p.moments())
}

// snapshots returns the approximate size of the snapshots that a run keeps, in bytes: 4 for each channel of each token.
// It takes the site for one of the model's width.
func (p Planned) snapshots() float64 {
	a, kept := p.Config.Arch, p.Config.Probe.Snapshots
	layers := float64(len(kept.Layers))
	if layers == 0 {
		layers = float64(a.Layers)
	}
	return 4 * float64(len(kept.Steps)) * layers * float64(kept.Sequences) * float64(a.Context) * float64(a.Width)
}

// moments returns how many numbers the optimizer keeps. A vector counts as a matrix.
func (p Planned) moments() float64 {
	return p.Config.Optim.Moments(p.shape.all-p.shape.table, p.shape.table)
}

// leastDisk returns how many bytes of disk space a run takes at the least: its checkpoints, whose size is exact, and
// half of its rows, whose size is approximate.
func (p Planned) leastDisk() float64 { return p.checkpoints() + bytesPerRow*p.Rows()/2 }

// FitDisk returns a *settings.InputError if a run, or all runs together, surely take more disk space than there is. It
// names each such run's place in the sweep, or else the sweep.
func (r Room) FitDisk(planned []Planned) error {
	var faults []settings.Fault
	sum := 0.0
	const remedy = "or measure less often (probe.every, probe.log_every), or keep fewer checkpoints"
	for _, p := range planned {
		takes := p.leastDisk()
		sum += takes
		if takes > r.Bytes {
			faults = append(faults, p.arm.Locate(p.file, variant.Errorf("train.steps",
				"%s %s a run of at least %s on disk, more than the %s that %s: lower it, %s",
				count.Of(p.Config.Train.Steps, "step"),
				count.Agree(p.Config.Train.Steps, "makes", "make"), Bytes(takes), Bytes(r.Bytes), r.Name, remedy)))
		}
	}
	if len(faults) == 0 && sum > r.Bytes {
		faults = append(faults, settings.Fault{File: planned[0].file, Message: fmt.Sprintf(
			"the %s left to do take at least %s on disk, more than the %s that %s: ask for fewer, %s",
			count.Of(len(planned), "run"), Bytes(sum), Bytes(r.Bytes), r.Name, remedy)})
	}
	return settings.Refuse(faults...)
}
