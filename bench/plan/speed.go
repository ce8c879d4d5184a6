package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/outcrop-lab/outcrop/experiments/plan"
	"github.com/outcrop-lab/outcrop/experiments/sweep"
	"github.com/outcrop-lab/outcrop/experiments/todo"
	"github.com/outcrop-lab/outcrop/store"
	"github.com/outcrop-lab/outcrop/trainer"
)

// timing is how long each part of planning took: seconds by the clock, and seconds of processor time.
type timing struct {
	Runs   int        `json:"runs"`
	Done   int        `json:"done"`
	Rows   int        `json:"rows"` // in the database
	Load   [2]float64 `json:"load"`
	Plan   [2]float64 `json:"plan"`
	States [2]float64 `json:"states"`
	Costs  [2]float64 `json:"costs"`
	Verb   [2]float64 `json:"verb"` // all of `outcrop plan`, as a process, if --outcrop names the program
	Table  int        `json:"table_bytes"`
}

// many returns a sweep file of n runs, each a different point of a grid.
func many(n int) string {
	var rates []string
	for i := range n / 100 {
		rates = append(rates, fmt.Sprintf("%g", 1e-4*float64(i+1)))
	}
	return "name: many\narms: {plain: {}, gated: {arch: {gate: g1}}}\n" +
		"grid:\n  optim.lr: [" + strings.Join(rates, ", ") + "]\n" +
		"  arch.layers: [1, 2, 3, 4, 5]\n" +
		"  arch.norm: [rmsnorm, layernorm, ssnorm, none, {name: dyt, alpha: .5}]\n" +
		"  optim: [adamw, muon]\n"
}

// speed times planning the given number of runs, seven in ten of which are done. If outcrop is a program, it times its
// verb plan too.
func speed(runs int, outcrop string) (t timing, err error) {
	dir, err := os.MkdirTemp("", "outcrop-bench-plan")
	if err != nil {
		return t, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	file := filepath.Join(dir, "many.yaml")
	if err := os.WriteFile(file, []byte(many(runs)), 0o666); err != nil {
		return t, err
	}
	took := func(work func() error) (both [2]float64) {
		if err != nil {
			return both
		}
		clock, used := time.Now(), own()
		err = work()
		return [2]float64{time.Since(clock).Seconds(), own() - used}
	}
	var loaded *sweep.Sweep
	var planned []plan.Planned
	var tasks []todo.Task
	t.Load = took(func() (err error) { loaded, err = sweep.Load(file); return err })
	t.Plan = took(func() (err error) { planned, err = plan.Of(loaded, "cpu"); return err })
	if err != nil {
		return t, err
	}
	if err := fill(&t, dir, planned); err != nil {
		return t, err
	}
	t.States = took(func() (err error) { tasks, err = todo.Tasks(dir, planned); return err })
	kept, _, _ := plan.KeptSpeed() // the machine's speed, if one is stored
	if kept.Step == nil {
		if kept, err = plan.Calibrate(context.Background()); err != nil {
			return t, err
		}
	}
	t.Costs = took(func() error {
		for i, p := range planned {
			_ = plan.CostOf(p)
			_ = kept.Of(p, tasks[i].Left(), 1)
		}
		return nil
	})
	if err != nil {
		return t, err
	}
	t.Runs = len(planned)
	done := 0
	for _, s := range tasks {
		if s.Settled != "" {
			done++
		}
	}
	if done != t.Done {
		return t, fmt.Errorf("the plan counts %d runs as done, want %d", done, t.Done)
	}
	if outcrop == "" {
		return t, nil
	}
	return t, t.verb(outcrop, file, dir)
}

// verb times `outcrop plan`.
func (t *timing) verb(outcrop, file, dir string) error {
	for range 2 { // the first may measure the machine
		verb := exec.Command(outcrop, "plan", file, "--results", dir)
		verb.Stderr = os.Stderr
		clock := time.Now()
		out, err := verb.Output()
		if err != nil {
			return err
		}
		state := verb.ProcessState
		used := (state.UserTime() + state.SystemTime()).Seconds()
		t.Verb, t.Table = [2]float64{time.Since(clock).Seconds(), used}, len(out)
	}
	return nil
}

// fill makes a results database in which seven of ten runs are done. Each has rows of every wanted statistic, in two
// blocks, at every step to be measured: the plan takes a run for done by these rows.
func fill(t *timing, dir string, plan []plan.Planned) error {
	db, err := store.Open(filepath.Join(dir, "outcrop.db"))
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	measured := map[string][]store.Row{}
	for i, p := range plan {
		if i%10 >= 7 {
			continue
		}
		c := p.Config
		rows, ok := measured[c.Arch.Gate.Chosen()+c.Arch.Norm.Chosen()]
		if !ok {
			pairs, err := trainer.Pairs(c)
			if err != nil {
				return err
			}
			for _, pair := range pairs {
				for layer := range 2 {
					rows = append(rows, store.Row{Site: pair.Site, Statistic: pair.Statistic, Layer: layer, Head: -1, Idx: -1,
						Value: 1})
				}
			}
			rows = append(rows, store.Row{Site: "run", Statistic: "loss", Layer: -1, Head: -1, Idx: -1, Value: 1})
			measured[c.Arch.Gate.Chosen()+c.Arch.Norm.Chosen()] = rows
		}
		if err := db.PutRun(store.Run{ID: p.ID, Config: "{}", Status: store.Done, Step: c.Train.Steps,
			Steps: c.Train.Steps}); err != nil {
			return err
		}
		for step := range c.Train.Steps + 1 {
			if step < c.Train.Steps && !c.Probe.Every.Value.At(step) {
				continue
			}
			if err := db.PutRows(p.ID, step, rows); err != nil {
				return err
			}
			t.Rows += len(rows)
		}
		t.Done++
	}
	return nil
}
