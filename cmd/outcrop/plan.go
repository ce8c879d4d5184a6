package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/outcrop-lab/outcrop/configs"
	"github.com/outcrop-lab/outcrop/experiments/plan"
	"github.com/outcrop-lab/outcrop/experiments/sweep"
	"github.com/outcrop-lab/outcrop/experiments/todo"
	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/variant"
)

// plannedRow is one run of a plan, as printed. Of a run's whole length are params, tokens, flops, memory and disk; of what is
// left of it are the seconds, null where nothing is known of the machine.
type plannedRow struct {
	Run         string   `json:"run"`
	Arm         string   `json:"arm"`
	Seed        uint64   `json:"seed"`
	Params      int      `json:"params"`
	Tokens      int      `json:"tokens"`
	FLOPs       float64  `json:"flops"`
	Seconds     *float64 `json:"seconds"`
	SecondsLow  *float64 `json:"seconds_low"`
	SecondsHigh *float64 `json:"seconds_high"`
	Memory      int64    `json:"memory_bytes"`
	Disk        int64    `json:"disk_bytes"`
	Status      string   `json:"status"` // new, done, diverged, same, measure, again, running, stopped, lost or failed
	State       string   `json:"state"`  // the status in words
	From        int      `json:"from_step"`
	Differs     string   `json:"differs"`
}

// planTotal is what a sweep takes that is left to do.
type planTotal struct {
	Runs        int      `json:"runs"` // of the plan; a run that comes twice counts once
	ToDo        int      `json:"to_do"`
	Tokens      int      `json:"tokens"`
	FLOPs       float64  `json:"flops"`
	SecondsLow  *float64 `json:"seconds_low"` // by the clock, with so many jobs at once
	SecondsHigh *float64 `json:"seconds_high"`
	Memory      int64    `json:"memory_bytes"` // of as many runs as there are jobs, the largest
	Disk        int64    `json:"disk_bytes"`
	Jobs        int      `json:"jobs"`
	Threads     int      `json:"threads"`
}

// planDocument is what plan --json prints.
type planDocument struct {
	Sweep string       `json:"sweep"`
	Runs  []plannedRow `json:"runs"`
	Total planTotal    `json:"total"`
}

func planCommand(s *preferences) *cobra.Command {
	asJSON, calibrate, sets := false, false, []string(nil)
	cmd := &cobra.Command{
		Use:   "plan FILE|NAME",
		Short: "Check a sweep and list its runs, what they take and what is left to do, training nothing",
		Long: `Check a sweep and list its runs: what differs from the base, parameters, tokens, floating-point operations, time, memory,
disk, and what is left to do. Nothing is trained. The time is foretold from a measurement of this machine, which the first
plan makes in a dozen seconds and keeps in the user's cache; it is that of free cores.`,
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			defer debug.SetGCPercent(debug.SetGCPercent(400)) // a plan of very many runs keeps what it makes to its end, which is near
			loaded, err := loadSweep(args[0], sets...)
			if err != nil {
				return err
			}
			planned, err := plan.Of(loaded, s.Device)
			if err != nil {
				return err
			}
			tasks, err := todo.Tasks(s.Results, planned)
			if err != nil {
				return err
			}
			speed, err := machineSpeed(cmd.Context(), s, calibrate)
			if err != nil {
				return err
			}
			document := planOf(s, loaded.Name, planned, tasks, speed)
			if left := plan.Unforetold(planned); speed != nil && len(left) > 0 {
				s.log.Warn("the times are without those of the statistics " + strings.Join(left, ", "))
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(document)
			}
			return printPlan(cmd.OutOrStdout(), document)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	cmd.Flags().BoolVar(&calibrate, "calibrate", false, "measure this machine again")
	setFlag(cmd, &sets)
	return cmd
}

// machineSpeed is what is kept of this machine, or measured now and kept. Where it cannot be kept the plan still shows.
func machineSpeed(ctx context.Context, s *preferences, again bool) (*plan.Speed, error) {
	if !again {
		kept, ok, err := plan.KeptSpeed()
		if err != nil {
			s.log.Warn(err.Error())
		} else if ok {
			return &kept, nil
		}
	}
	s.log.Info("measuring this machine once, some twenty seconds; --calibrate does it again")
	speed, err := plan.Calibrate(ctx)
	if err != nil {
		return nil, err
	}
	if err := speed.Keep(); err != nil {
		s.log.Warn(err.Error())
	}
	return &speed, nil
}

// planOf counts what each run takes, and what the sweep takes that is left.
func planOf(s *preferences, name string, planned []plan.Planned, tasks []todo.Task, speed *plan.Speed) planDocument {
	cores := runtime.GOMAXPROCS(0)
	threads := max(1, s.Threads)
	jobs := s.Jobs
	if jobs == 0 {
		jobs = max(1, cores/threads)
	}
	d := planDocument{Sweep: name, Runs: make([]plannedRow, len(planned)), Total: planTotal{Jobs: jobs, Threads: threads}}
	var seconds []float64
	var memory []int64
	for i, p := range planned {
		cost, task := plan.CostOf(p), tasks[i]
		r := plannedRow{Run: p.ID, Arm: p.Arm, Seed: p.Seed, Params: p.Params, Tokens: cost.Tokens, FLOPs: cost.FLOPs, Memory: cost.Memory, Disk: cost.Disk,
			Status: task.Word(), State: task.String(), From: task.From, Differs: differs(p.Differs)}
		if speed != nil {
			f := speed.Of(p, task.Left(), threads)
			r.Seconds, r.SecondsLow, r.SecondsHigh = &f.Seconds, &f.Low, &f.High
		}
		d.Runs[i] = r
		if task.Same != "" {
			continue
		}
		d.Total.Runs++
		if task.Settled != "" || task.Waits > 0 {
			continue
		}
		d.Total.ToDo++
		d.Total.Tokens += r.Tokens
		d.Total.FLOPs += r.FLOPs
		d.Total.Disk += r.Disk
		memory = append(memory, r.Memory)
		if speed != nil {
			seconds = append(seconds, *r.Seconds)
		}
	}
	slices.Sort(memory)
	for _, m := range memory[max(0, len(memory)-jobs):] {
		d.Total.Memory += m
	}
	if speed != nil {
		crowded := max(1, float64(min(jobs, max(1, len(seconds)))*threads)/float64(cores))
		total := plan.Forecast{Seconds: crowded * plan.Makespan(seconds, jobs)}.Bounded()
		d.Total.SecondsLow, d.Total.SecondsHigh = &total.Low, &total.High
	}
	return d
}

func printPlan(out io.Writer, d planDocument) error {
	buffered := bufio.NewWriterSize(out, 1<<16) // the table's cells come one by one
	w := tabwriter.NewWriter(buffered, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "run\tarm\tseed\tparams\ttokens\tFLOPs\ttime\tmemory\tdisk\tstate\tdiffers")
	for _, r := range d.Runs {
		_, _ = fmt.Fprintf(w, "%.12s\t%s\t%d\t%d\t%d\t%.3g\t%s\t%s\t%s\t%s\t%s\n", r.Run, r.Arm, r.Seed, r.Params, r.Tokens, r.FLOPs,
			span(r.SecondsLow, r.SecondsHigh), inBytes(r.Memory), inBytes(r.Disk), r.State, r.Differs)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	t := d.Total
	_, _ = fmt.Fprintf(buffered, "\n%d of %d runs to do: %.3g tokens, %.3g FLOPs; %s with --jobs %d --threads %d; %s of memory at most, %s of disk\n",
		t.ToDo, t.Runs, float64(t.Tokens), t.FLOPs, span(t.SecondsLow, t.SecondsHigh), t.Jobs, t.Threads, inBytes(t.Memory), inBytes(t.Disk))
	return buffered.Flush()
}

// span is a range of times in the unit of its upper end: "12-19 s".
func span(low, high *float64) string {
	switch {
	case low == nil:
		return "?"
	case *high == 0:
		return "-"
	case *high < 120:
		return digits2(*low) + "-" + digits2(*high) + " s"
	case *high < 7200:
		return digits2(*low/60) + "-" + digits2(*high/60) + " min"
	case *high < 48*3600:
		return digits2(*low/3600) + "-" + digits2(*high/3600) + " h"
	}
	return digits2(*low/86400) + "-" + digits2(*high/86400) + " days"
}

// digits2 writes a number to two significant digits, without an exponent.
func digits2(x float64) string {
	x, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 2, 64), 64)
	if err != nil {
		panic(err) // it was written by FormatFloat
	}
	return strconv.FormatFloat(x, 'f', -1, 64)
}

func inBytes(n int64) string {
	switch x := float64(n); {
	case x >= 1e9:
		return fmt.Sprintf("%.1f GB", x/1e9)
	case x >= 1e6:
		return fmt.Sprintf("%.0f MB", x/1e6)
	default:
		return fmt.Sprintf("%.0f kB", x/1e3)
	}
}

func differs(list []settings.Setting) string {
	parts := make([]string, len(list))
	for i, s := range list {
		parts[i] = s.String()
	}
	return strings.Join(parts, ", ")
}

// setFlag is --set of a verb that loads a sweep.
func setFlag(cmd *cobra.Command, sets *[]string) {
	cmd.Flags().StringArrayVar(sets, "set", nil, "KEY=VALUE in every run, after all that the file says, as optim.lr=3e-4; may come often")
}

// loadSweep reads a sweep file, or the embedded sweep of that name, under --set.
func loadSweep(name string, sets ...string) (*sweep.Sweep, error) {
	if src, ok := configs.Sweep(name); ok {
		return sweep.LoadBytes(name+".yaml", src, sets...)
	}
	if _, err := os.Stat(name); err != nil && !strings.ContainsAny(name, "./\\") {
		return nil, usageError{variant.Unknown("sweep", name, configs.Sweeps())}
	}
	return sweep.Load(name, sets...)
}
