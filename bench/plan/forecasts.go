package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/outcrop-lab/outcrop/bench/steady"
	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/experiments"
	"github.com/outcrop-lab/outcrop/experiments/plan"
	"github.com/outcrop-lab/outcrop/experiments/sweep"
	"github.com/outcrop-lab/outcrop/store"
)

// row compares the forecast of one run with the run.
type row struct {
	Run string `json:"run"`
	// Before and After are forecasts from the machine's speed as measured before and after the run; Foretold is their
	// mean. Processor is the worker's processor time, and Wall the clock time from its start to its end. All are in
	// seconds.
	Before    float64 `json:"foretold_before_seconds"`
	After     float64 `json:"foretold_after_seconds"`
	Foretold  float64 `json:"foretold_seconds"`
	Processor float64 `json:"processor_seconds"`
	Wall      float64 `json:"wall_seconds"`
	// Ratio is the run's time over Foretold. The time is Processor with one thread, and Wall with more. Within reports
	// whether the time lies in the forecast's range.
	Ratio  float64 `json:"taken_to_foretold"`
	Within bool    `json:"within"`
	// Memory is the worker's peak, MiB. Disk is the size of the run's folder and the database, KiB. Rows is the number of
	// rows in the database.
	Memory         float64 `json:"memory_mib"`
	ForetoldMemory float64 `json:"foretold_memory_mib"`
	Disk           float64 `json:"disk_kib"`
	ForetoldDisk   float64 `json:"foretold_disk_kib"`
	Rows           int     `json:"rows"`
	ForetoldRows   float64 `json:"foretold_rows"`
}

// document is the result.
type document struct {
	Date    string     `json:"date"`
	Speed   plan.Speed `json:"speed"` // as measured last
	Threads int        `json:"threads"`
	Within  int        `json:"within"`
	Of      int        `json:"of"`
	Rows    []row      `json:"runs"`
}

// cases are the runs, each given as the base of a sweep. Runs in a precision that this machine lacks are reported and
// skipped.
var cases = []struct{ name, base string }{
	{"backcopy", "arch: {position: learned}, optim: {lr: 1e-2}, train: {steps: 300, batch: 32}, " +
		"probe: {every: {name: pythia, then: 40}, heldout: 256}"},
	{"backcopy, gated", "arch: {position: learned, gate: g1}, optim: {lr: 1e-2}, train: {steps: 300, batch: 32}, " +
		"probe: {every: {name: pythia, then: 40}, heldout: 256}"},
	{"backcopy, single-scale", "" +
		"arch: {position: learned, norm: ssnorm}, optim: muon, train: {steps: 300, batch: 32}, " +
		"probe: {every: {name: pythia, then: 40}, heldout: 256}"},
	{"defaults", "train: {steps: 150}"},
	{"size b", "arch: {layers: 4, width: 128, heads: 4, context: 128}, data: {vocab: 128}, " +
		"train: {steps: 60, batch: 16}, probe: {heldout: 16}"},
	{"size b, swiglu, grouped", "arch: {layers: 4, width: 128, heads: 4, kv_heads: 2, context: 128, mlp: swiglu}, " +
		"train: {steps: 60, batch: 16}, probe: {heldout: 16}"},
	{"wide", "arch: {layers: 2, width: 256, heads: 4}, train: {steps: 60, batch: 16}, probe: {heldout: 32}"},
	{"wide, muon", "arch: {layers: 2, width: 256, heads: 4}, optim: muon, train: {steps: 50, batch: 16}, " +
		"probe: {heldout: 32}"},
	{"deep and narrow", "arch: {layers: 8, width: 32, heads: 2, context: 32}, train: {steps: 300, batch: 16}, " +
		"probe: {heldout: 32}"},
	{"long", "arch: {layers: 2, context: 512}, train: {steps: 60, batch: 4}, probe: {heldout: 8, sequences: 4}"},
	{"text", "data: text, train: {steps: 150}, probe: {heldout: 64}"},
	{"text, wide, layernorm, sgd", "" +
		"arch: {width: 192, heads: 6, norm: layernorm, mlp: relu, tied: true}, optim: sgd, data: text, " +
		"train: {steps: 80, batch: 16}, probe: {heldout: 32}"},
	{"sigmoid, registers, lion", "arch: {attention: sigmoid, registers: 8, position: alibi}, optim: lion, " +
		"train: {steps: 150, batch: 32}, probe: {heldout: 128}"},
	{"probed at every step", "train: {steps: 40, batch: 16}, probe: {every: {name: steps, n: 1}, heldout: 64}"},
	{"bf16, size b", "arch: {layers: 4, width: 128, heads: 4, context: 128}, data: {vocab: 128}, " +
		"train: {steps: 60, batch: 16, precision: bf16}, probe: {heldout: 16}"},
	{"bf16, wide, muon", "arch: {layers: 2, width: 256, heads: 4}, optim: muon, " +
		"train: {steps: 50, batch: 16, precision: bf16}, probe: {heldout: 32}"},
	{"bf16, backcopy", "" +
		"arch: {position: learned}, optim: {lr: 1e-2}, train: {steps: 300, batch: 32, precision: bf16}, " +
		"probe: {every: {name: pythia, then: 40}, heldout: 256}"},
	{"tiny", "arch: {width: 16, heads: 2, context: 16}, train: {steps: 2000, batch: 8}, probe: {heldout: 64}"},
}

// forecasts trains each run whose name contains only, between two measurements of the machine, in each round.
func forecasts(only string, rounds, threads int) (document, error) {
	out := document{Date: time.Now().UTC().Format(time.DateOnly), Threads: threads}
	before, err := measured()
	if err != nil {
		return out, err
	}
	for range rounds {
		for _, c := range cases {
			if !strings.Contains(c.name, only) {
				continue
			}
			if err := compute.Can("", compute.BF16); err != nil && strings.HasPrefix(c.name, "bf16") {
				_, _ = fmt.Fprintf(os.Stderr, "%s: skipped: %v\n", c.name, err)
				continue
			}
			p, r, err := one(c.name, c.base, threads)
			if err != nil {
				return out, fmt.Errorf("%s: %w", c.name, err)
			}
			after, err := measured()
			if err != nil {
				return out, err
			}
			r.compare(before.Of(p, plan.Left{}, threads), after.Of(p, plan.Left{}, threads), threads)
			before, out.Speed = after, after
			out.Rows = append(out.Rows, r)
			out.Of++
			if r.Within {
				out.Within++
			}
			_, _ = fmt.Fprintf(os.Stderr, "%-28s forecast %6.2f s (%.2f, %.2f), took %6.2f s of processor time, "+
				"%6.2f s by the clock: ratio %.2f; %.0f MiB of %.0f; %.0f KiB of %.0f; %d rows of %.0f\n",
				r.Run, r.Foretold, r.Before, r.After, r.Processor, r.Wall, r.Ratio, r.Memory, r.ForetoldMemory, r.Disk,
				r.ForetoldDisk, r.Rows, r.ForetoldRows)
		}
	}
	return out, nil
}

// measured measures the machine's speed and reports how long that took.
func measured() (plan.Speed, error) {
	clock, used := time.Now(), own()
	speed, err := plan.Calibrate(context.Background())
	_, _ = fmt.Fprintf(os.Stderr, "measured the machine in %.1f s, %.1f s of processor time\n",
		time.Since(clock).Seconds(), own()-used)
	return speed, err
}

// compare compares the run's time with the mean of the forecasts made before and after it. The machine's speed drifts
// by as much as the forecast's range, so neither forecast alone shows how good the method is.
func (r *row) compare(before, after plan.Forecast, threads int) {
	between := plan.Forecast{Seconds: (before.Seconds + after.Seconds) / 2}.Bounded()
	taken := r.Processor
	if threads > 1 {
		taken = r.Wall
	}
	r.Before, r.After, r.Foretold = before.Seconds, after.Seconds, between.Seconds
	r.Ratio = taken / r.Foretold
	r.Within = between.Low <= taken && taken <= between.High
}

// one trains a run in a worker process and returns its plan and its row, without the forecast of the time.
func one(name, base string, threads int) (p plan.Planned, r row, err error) {
	loaded, err := sweep.LoadBytes(name, []byte("name: bench\nbase: {"+base+"}\n"))
	if err != nil {
		return p, r, err
	}
	planned, err := plan.Of(loaded, "cpu")
	if err != nil {
		return p, r, err
	}
	dir, err := os.MkdirTemp("", "outcrop-bench-plan")
	if err != nil {
		return p, r, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	self, err := os.Executable()
	if err != nil {
		return p, r, err
	}
	var worker *exec.Cmd
	p = planned[0]
	cost := plan.CostOf(p)
	var begun time.Time
	start := func(dir string) *exec.Cmd {
		worker, begun = exec.Command(self, "worker", dir), time.Now()
		return worker
	}
	sum, err := experiments.Execute(context.Background(), loaded,
		experiments.Options{Results: dir, Jobs: 1, Threads: threads, Worker: start})
	if err != nil || sum.Done != 1 {
		return p, r, fmt.Errorf("%v: %+v", err, sum)
	}
	r = row{Run: name, ForetoldMemory: float64(cost.Memory) / (1 << 20), ForetoldDisk: float64(cost.Disk) / 1024,
		ForetoldRows: p.Rows()}
	used, ok := worker.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return p, r, fmt.Errorf("the system does not report the worker's resources")
	}
	r.Processor = seconds(*used)
	path := filepath.Join(dir, "runs", p.ID, steady.StatusFile)
	status, err := os.ReadFile(path)
	if err != nil {
		return p, r, err
	}
	r.Memory = steady.HighWater(status)
	left, err := os.Stat(path) // the worker writes this file last, so its time is the worker's end
	if err != nil {
		return p, r, err
	}
	r.Wall = left.ModTime().Sub(begun).Seconds()
	if r.Disk, err = disk(dir); err != nil {
		return p, r, err
	}
	r.Rows, err = rows(filepath.Join(dir, "outcrop.db"))
	return p, r, err
}

// rows returns the number of rows in the database.
func rows(path string) (n int, err error) {
	db, err := store.OpenReadOnly(path)
	if err != nil {
		return 0, err
	}
	defer func() { _ = db.Close() }()
	all, err := db.Series(store.Select{})
	for _, s := range all {
		n += len(s.Steps)
	}
	return n, err
}

// disk returns the size of the files below a folder, KiB.
func disk(dir string) (kib float64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			kib += float64(info.Size()) / 1024
		}
		return err
	})
	return kib, err
}

// own returns this process's processor time, seconds.
func own() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // cannot fail with these arguments
	}
	return seconds(u)
}

// seconds returns the processor time in u.
func seconds(u syscall.Rusage) float64 {
	return float64(u.Utime.Sec+u.Stime.Sec) + 1e-6*float64(u.Utime.Usec+u.Stime.Usec)
}
