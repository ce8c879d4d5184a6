package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	clock "time"

	"github.com/outcrop-lab/outcrop/bench/steady"
	"github.com/outcrop-lab/outcrop/experiments"
	"github.com/outcrop-lab/outcrop/trainer"
)

const (
	wholeSize  = "a"
	wholeSteps = 2000
	// wholeRounds are turns of each, where no fewer are asked for.
	wholeRounds = 3
	statusFile  = "status"
)

// The two ways in which we run it: measured what the peer measures, and all that is measured by default.
const (
	alike = "the peer's statistics"
	usual = "all that is measured by default"
)

// run is one contestant's whole runs.
type run struct {
	Name    string    `json:"name"`
	Seconds []float64 `json:"seconds"` // from the start of the process to its end, round by round
	Median  float64   `json:"seconds_median"`
	Memory  float64   `json:"peak_mib"` // the largest of the rounds
	// Ratio and Share are to ours of the same statistics, as in rival.
	Ratio ratio   `json:"ratio"`
	Share float64 `json:"memory_ratio"`
}

// entire is what whole runs came to.
type entire struct {
	Size  string `json:"size"`
	Steps int    `json:"steps"`
	Runs  []run  `json:"runs"` // ours first
	// Failed are as in compared.
	Failed []string `json:"failed,omitempty"`
}

// runs trains whole runs in turn. Each of the peer's ways goes once before that, so that the caches of its compiler and of
// the files that it reads are warm; one that fails is told of and left out.
func (b *bench) runs(ctx context.Context) (*entire, error) {
	e := &entire{Size: wholeSize, Steps: wholeSteps}
	var start []func() (seconds, mib float64, err error)
	for _, o := range []struct{ name, probe string }{{alike, "statistics: [top1, top2, top3, median, kurtosis], heldout: 10"}, {usual, ""}} {
		e.Runs = append(e.Runs, run{Name: "ours, " + o.name})
		start = append(start, func() (float64, float64, error) { return b.oursWhole(ctx, o.probe) })
	}
	for _, m := range b.modes {
		seconds, _, err := b.peerWhole(ctx, m)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "whole run, %s: %v\n", m, err)
			e.Failed = append(e.Failed, m.String()+": "+err.Error())
			continue
		}
		fmt.Fprintf(os.Stderr, "whole run, %s: %.1f s with cold caches\n", m, seconds)
		e.Runs = append(e.Runs, run{Name: m.String()})
		start = append(start, func() (float64, float64, error) { return b.peerWhole(ctx, m) })
	}
	for range min(wholeRounds, b.rounds) {
		for i := range e.Runs {
			seconds, mib, err := start[i]()
			if err != nil {
				return nil, fmt.Errorf("whole run, %s: %w", e.Runs[i].Name, err)
			}
			r := &e.Runs[i]
			r.Seconds, r.Memory = append(r.Seconds, seconds), max(r.Memory, mib)
		}
	}
	for i := range e.Runs {
		r := &e.Runs[i]
		r.Median = steady.Median(slices.Clone(r.Seconds))
		r.Ratio, r.Share = over(r.Seconds, e.Runs[0].Seconds), e.Runs[0].Memory/r.Memory
	}
	return e, nil
}

// oursWhole executes a sweep of one run, in a worker process: from the sweep file to the merged and fitted results.
func (b *bench) oursWhole(ctx context.Context, probe string) (seconds, mib float64, err error) {
	s := sizes[wholeSize]
	text := fmt.Sprintf("name: bench\nbase: {arch: {layers: %d, width: %d, heads: %d, context: %d, vocab: %d}, train: {steps: %d, batch: %d, slices: %d, precision: %s}, probe: {%s}}\n",
		s.Layers, s.Width, s.Heads, s.Context, s.Vocab, wholeSteps, s.Batch, b.Threads, b.Precision, probe)
	dir, err := os.MkdirTemp(b.dir, "whole")
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	began := clock.Now()
	sweep, err := experiments.LoadBytes("bench", []byte(text))
	if err != nil {
		return 0, 0, err
	}
	sum, err := experiments.Execute(ctx, sweep, experiments.Options{Results: dir, Jobs: 1, Threads: b.Threads,
		Worker: func(dir string) *exec.Cmd { return exec.Command(b.self, "worker", dir) }})
	seconds = clock.Since(began).Seconds()
	if err != nil || sum.Done != 1 {
		return 0, 0, fmt.Errorf("%v: %+v", err, sum)
	}
	files, err := filepath.Glob(filepath.Join(dir, "runs", "*", statusFile))
	if err != nil || len(files) != 1 {
		return 0, 0, fmt.Errorf("%d workers left their status: %v", len(files), err)
	}
	status, err := os.ReadFile(files[0])
	return seconds, highWater(status), err
}

// work is the worker's process, stopped when its standard input closes. It leaves in the run's folder what the system says of it.
func work(dir string) error {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	if err := experiments.Work(ctx, dir, os.Stdout); err != nil {
		return err
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, statusFile), status, 0o666)
}

// peerWhole is one whole run of the peer, from the start of its process to its end.
func (b *bench) peerWhole(ctx context.Context, m mode) (seconds, mib float64, err error) {
	checkpoint := filepath.Join(b.dir, "checkpoint.pt")
	cmd := b.python3(ctx, b.Threads, m, "--size", wholeSize, "--whole", "--steps", strconv.Itoa(wholeSteps),
		"--probes", measured(trainer.Default(), wholeSteps), "--sequences", strconv.Itoa(trainer.Default().Probe.Sequences), "--checkpoint", checkpoint)
	var moans strings.Builder
	cmd.Stderr = &moans
	began := clock.Now()
	said, err := cmd.Output()
	seconds = clock.Since(began).Seconds()
	if err != nil {
		return 0, 0, fmt.Errorf("%w\n%s", err, lastWords(moans.String()))
	}
	var end struct {
		Peak float64 `json:"peak_kib"`
	}
	if err := json.Unmarshal(said, &end); err != nil {
		return 0, 0, err
	}
	return seconds, end.Peak / 1024, os.Remove(checkpoint)
}

// measured are the steps at which the configuration measures, with commas.
func measured(c trainer.Config, steps int) string {
	var at []string
	for step := range steps + 1 {
		if step == steps || c.Probe.Every.Value.At(step) {
			at = append(at, strconv.Itoa(step))
		}
	}
	return strings.Join(at, ",")
}
