package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	clock "time"

	"github.com/outcrop-lab/outcrop/bench/steady"
	"github.com/outcrop-lab/outcrop/experiments"
	"github.com/outcrop-lab/outcrop/experiments/sweep"
	"github.com/outcrop-lab/outcrop/store"
)

// life is the result of a whole run of ours.
type life struct {
	setting
	Seconds float64 `json:"seconds"` // from the sweep file to the merged and fitted results
	// Measuring is the time of the measurements, and Share is Measuring over Seconds.
	Measuring float64 `json:"measuring_seconds"`
	Share     float64 `json:"measuring_share"`
	Memory    float64 `json:"peak_mib"` // of the worker
}

// whole executes a sweep of one run in a worker process, which is this program, self, started again. It measures the
// defaults, except as probe (YAML) says.
func whole(ctx context.Context, self string, o options, probe string) (l life, err error) {
	c, err := configOf(o, cmp.Or(o.Steps, wholeSteps))
	if err != nil {
		return l, err
	}
	if err := c.Validate(); err != nil {
		return l, err
	}
	if err := c.CanRun(""); err != nil {
		return l, err
	}
	l.setting = o.setting(c)
	text := fmt.Sprintf("name: bench\nbase: {arch: {layers: %d, width: %d, heads: %d, context: %d, vocab: %d}, "+
		"optim: %s, train: {steps: %d, batch: %d, slices: %d, precision: %s}, probe: {%s}}\n",
		c.Arch.Layers, c.Arch.Width, c.Arch.Heads, c.Arch.Context, c.Arch.Vocab, l.Optimizer, l.Steps, l.Batch, l.Slices,
		l.Precision, probe)
	dir, err := os.MkdirTemp("", "outcrop-whole")
	if err != nil {
		return l, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	began := clock.Now()
	swept, err := sweep.LoadBytes("bench", []byte(text))
	if err != nil {
		return l, err
	}
	sum, err := experiments.Execute(ctx, swept, experiments.Options{Results: dir, Jobs: 1, Threads: o.Threads,
		Worker: func(dir string) *exec.Cmd { return exec.Command(self, "worker", dir) }})
	l.Seconds = clock.Since(began).Seconds()
	if err != nil || sum.Done != 1 {
		return l, fmt.Errorf("%v: %+v", err, sum)
	}
	files, err := filepath.Glob(filepath.Join(dir, "runs", "*", steady.StatusFile))
	if err != nil || len(files) != 1 {
		return l, fmt.Errorf("%d workers wrote a status, want 1: %v", len(files), err)
	}
	status, err := os.ReadFile(files[0])
	if err != nil {
		return l, err
	}
	l.Memory = steady.HighWater(status)
	db, err := store.OpenReadOnly(filepath.Join(dir, "outcrop.db"))
	if err != nil {
		return l, err
	}
	defer func() { _ = db.Close() }()
	timings, err := db.Timings("")
	if err != nil {
		return l, err
	}
	for _, t := range timings {
		if t.Name == "probe_seconds" {
			l.Measuring += t.Value
		}
	}
	l.Share = l.Measuring / l.Seconds
	return l, nil
}

func (l life) print(asJSON bool, out io.Writer) error {
	if asJSON {
		return json.NewEncoder(out).Encode(l)
	}
	_, err := fmt.Fprintf(out, "size %s, batch %d, %d threads, %d slices, %s, %s: "+
		"%d steps in %.2f s from the sweep file to the fitted results,\n"+
		"of which measurements took %.2f, %.1f %%; %.0f MiB at the worker's peak\n",
		l.Size, l.Batch, l.Threads, l.Slices, l.Precision, l.Optimizer, l.Steps, l.Seconds, l.Measuring, 100*l.Share,
		l.Memory)
	return err
}
