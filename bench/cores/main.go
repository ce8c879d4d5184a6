// Command cores measures how a sweep should use the cores: more threads per run, or more runs at once. The README in
// this folder has its results.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/klauspost/cpuid/v2"

	"github.com/outcrop-lab/outcrop/bench/steady"
	"github.com/outcrop-lab/outcrop/experiments"
	"github.com/outcrop-lab/outcrop/experiments/sweep"
	"github.com/outcrop-lab/outcrop/fit"
)

// sizes are sweeps of identical runs, a few seconds each.
var sizes = []struct {
	name, base string
	steps      int
}{
	{"a", "arch: {layers: 2, width: 64, heads: 2, context: 64, vocab: 256}", 400},
	{"b", "arch: {layers: 4, width: 128, heads: 4, context: 128, vocab: 256}", 30},
}

// way is how a number of runs is executed: jobs at once, with threads each. 0 is auto.
type way struct{ runs, jobs, threads int }

// questions each compare two ways. An answer above 1 favours the new one.
var questions = []struct {
	name     string
	new, old way
}{
	{"four runs: two at once, one thread each, against one after the other, two threads", way{4, 2, 1}, way{4, 1, 2}},
	{"one run: two threads against one", way{1, 1, 2}, way{1, 1, 1}},
	{"three runs: auto against two at once, one thread each", way{3, 0, 0}, way{3, 2, 1}},
}

// answer is the result of one question at one size: the seconds of each round, and the ratio of throughputs.
type answer struct {
	Size     string    `json:"size"`
	Question string    `json:"question"`
	New      []float64 `json:"seconds"`
	Old      []float64 `json:"against_seconds"`
	Ratio    float64   `json:"ratio"`
	Low      float64   `json:"low"`
	High     float64   `json:"high"`
}

func main() {
	if len(os.Args) == 3 && os.Args[1] == "worker" {
		if err := steady.Work(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	rounds := flag.Int("rounds", 5, "rounds; each way runs once in a round")
	only := flag.String("size", "", "size a or b; both if empty")
	asJSON := flag.Bool("json", false, "print one JSON document")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *rounds, *only, *asJSON); err != nil {
		fmt.Fprintln(os.Stderr, "cores:", err)
		if errors.Is(err, context.Canceled) {
			os.Exit(130)
		}
		os.Exit(1)
	}
}

// run answers the questions at the size named by only, or at all sizes, and prints the answers.
func run(ctx context.Context, rounds int, only string, asJSON bool) error {
	var all []answer
	for _, s := range sizes {
		if only != "" && s.name != only {
			continue
		}
		base := fmt.Sprintf("{%s, train: {steps: %d, batch: 16, slices: 2}, probe: {heldout: 64}}", s.base, s.steps)
		found := make([]answer, len(questions))
		for round := range rounds {
			for i, q := range questions {
				a := &found[i]
				a.Size, a.Question = s.name, q.name
				one, other := turn{q.new, &a.New}, turn{q.old, &a.Old}
				if round%2 == 1 {
					one, other = other, one
				}
				for _, t := range []turn{one, other} {
					if err := t.take(ctx, base); err != nil {
						return err
					}
				}
			}
			fmt.Fprintf(os.Stderr, "size %s: round %d of %d\n", s.name, round+1, rounds)
		}
		for i := range found {
			found[i].reduce()
		}
		all = append(all, found...)
	}
	if asJSON {
		return json.NewEncoder(os.Stdout).Encode(all)
	}
	return printed(os.Stdout, all, rounds)
}

// turn executes a way and appends its time to seconds.
type turn struct {
	way
	seconds *[]float64
}

// take executes a sweep in a new results folder, from the plan over worker processes to the merged and fitted results.
func (t turn) take(ctx context.Context, base string) error {
	sweep, err := sweep.LoadBytes("cores", fmt.Appendf(nil, "name: cores\nbase: %s\nseeds: %d\n", base, t.runs))
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "outcrop-cores")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	began := time.Now()
	sum, err := experiments.Execute(ctx, sweep, experiments.Options{Results: dir, Jobs: t.jobs, Threads: t.threads,
		Worker: func(dir string) *exec.Cmd { return exec.Command(self, "worker", dir) }})
	if err != nil {
		return err
	}
	if sum.Done != t.runs {
		return fmt.Errorf("%d of %d runs are done: %s", sum.Done, t.runs, strings.Join(sum.Errors, "; "))
	}
	*t.seconds = append(*t.seconds, time.Since(began).Seconds())
	return nil
}

// reduce computes the ratio of throughputs round by round. It is above 1 if the new way takes less time.
func (a *answer) reduce() {
	ratios := make([]float64, len(a.New))
	for i := range ratios {
		ratios[i] = a.Old[i] / a.New[i]
	}
	a.Ratio, a.Low, a.High = fit.Median(ratios), slices.Min(ratios), slices.Max(ratios)
}

// printed writes the answers as a Markdown table.
func printed(out io.Writer, all []answer, rounds int) error {
	w := tabwriter.NewWriter(out, 0, 0, 1, ' ', 0)
	lines := []string{fmt.Sprintf("%s, %d cores of an %s (family %d), %d rounds\n", time.Now().UTC().Format(time.DateOnly),
		runtime.GOMAXPROCS(0),
		strings.TrimSpace(cpuid.CPU.BrandName), cpuid.CPU.Family, rounds),
		"| size\t| \t| seconds\t| against\t| throughput (range)\t|", strings.Repeat("|---\t", 5) + "|"}
	for _, a := range all {
		lines = append(lines, fmt.Sprintf("| %s\t| %s\t| %.2f\t| %.2f\t| %.2f (%.2f, %.2f)\t|", a.Size, a.Question,
			fit.Median(a.New), fit.Median(a.Old), a.Ratio, a.Low, a.High))
	}
	if _, err := fmt.Fprintln(w, strings.Join(lines, "\n")); err != nil {
		return err
	}
	return w.Flush()
}
