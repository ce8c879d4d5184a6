package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	clock "time"

	"github.com/outcrop-lab/outcrop/fit"
	"github.com/outcrop-lab/outcrop/trainer"
)

const (
	wholeSize  = "a"
	wholeSteps = 2000
	// wholeRounds is the number of rounds, unless fewer are requested.
	wholeRounds = 3
)

// The two ways in which ours runs: measuring what the peer measures, and measuring everything that is on by default.
const (
	alike = "the peer's statistics"
	usual = "all default statistics"
)

// run is the result of one contestant's whole runs.
type run struct {
	Name    string    `json:"name"`
	Seconds []float64 `json:"seconds"` // by round, from the start of the process to its end
	Median  float64   `json:"seconds_median"`
	Memory  float64   `json:"peak_mib"` // the largest over the rounds
	// Measuring is the share of Seconds that measurements took, the median of the rounds. Only our runs report it.
	Measuring float64 `json:"measuring_share,omitempty"`
	// Ratio and Share are relative to our run with the peer's statistics, as in rival.
	Ratio ratio   `json:"ratio"`
	Share float64 `json:"memory_ratio"`
}

// entire is the result of whole runs.
type entire struct {
	Size  string `json:"size"`
	Steps int    `json:"steps"`
	Runs  []run  `json:"runs"` // ours first
	// Failed is as in compared.
	Failed []string `json:"failed,omitempty"`
}

// runs trains whole runs by turns. Before that, each of the peer's modes runs once, so that the caches of its compiler
// and of its files are warm. A mode that fails is reported and skipped.
func (b *bench) runs(ctx context.Context) (*entire, error) {
	e := &entire{Size: wholeSize, Steps: wholeSteps}
	var start []func() (life, error)
	for _, o := range []struct{ name, probe string }{{alike,
		"statistics: [top1, top2, top3, median, kurtosis], heldout: 10"}, {usual, ""}} {
		e.Runs = append(e.Runs, run{Name: "ours, " + o.name})
		start = append(start, func() (life, error) {
			return whole(ctx, b.self, options{Size: wholeSize, Threads: b.Threads, Precision: b.Precision, Optimizer: "adamw"},
				o.probe)
		})
	}
	for _, m := range b.modes {
		cold, err := b.peerWhole(ctx, m)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "whole run, %s: %v\n", m, err)
			e.Failed = append(e.Failed, m.String()+": "+err.Error())
			continue
		}
		fmt.Fprintf(os.Stderr, "whole run, %s: %.1f s with cold caches\n", m, cold.Seconds)
		e.Runs = append(e.Runs, run{Name: m.String()})
		start = append(start, func() (life, error) { return b.peerWhole(ctx, m) })
	}
	shares := make([][]float64, len(e.Runs))
	for range min(wholeRounds, b.rounds) {
		for i := range e.Runs {
			l, err := start[i]()
			if err != nil {
				return nil, fmt.Errorf("whole run, %s: %w", e.Runs[i].Name, err)
			}
			r := &e.Runs[i]
			r.Seconds, r.Memory, shares[i] = append(r.Seconds, l.Seconds), max(r.Memory, l.Memory), append(shares[i], l.Share)
		}
	}
	for i := range e.Runs {
		r := &e.Runs[i]
		r.Median, r.Measuring = fit.Median(r.Seconds), fit.Median(shares[i])
		r.Ratio, r.Share = over(r.Seconds, e.Runs[0].Seconds), e.Runs[0].Memory/r.Memory
	}
	return e, nil
}

// peerWhole does one whole run of the peer, timed from the start of its process to its end.
func (b *bench) peerWhole(ctx context.Context, m mode) (l life, err error) {
	checkpoint := filepath.Join(b.dir, "checkpoint.pt")
	cmd := b.python3(ctx, b.Threads, m, "--size", wholeSize, "--whole", "--steps", strconv.Itoa(wholeSteps),
		"--probes", measured(trainer.Default(), wholeSteps), "--sequences", strconv.Itoa(trainer.Default().Probe.Sequences),
		"--checkpoint", checkpoint)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	began := clock.Now()
	said, err := cmd.Output()
	l.Seconds = clock.Since(began).Seconds()
	if err != nil {
		return l, fmt.Errorf("%w\n%s", err, lastLines(stderr.String()))
	}
	var end struct {
		Peak float64 `json:"peak_kib"`
	}
	if err := json.Unmarshal(said, &end); err != nil {
		return l, err
	}
	l.Memory = end.Peak / 1024
	return l, os.Remove(checkpoint)
}

// measured returns the steps at which the configuration measures, separated by commas.
func measured(c trainer.Config, steps int) string {
	var at []string
	for step := range steps + 1 {
		if step == steps || c.Probe.Every.Value.At(step) {
			at = append(at, strconv.Itoa(step))
		}
	}
	return strings.Join(at, ",")
}
