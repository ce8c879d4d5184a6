package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/outcrop-lab/outcrop/configs"
	"github.com/outcrop-lab/outcrop/count"
	"github.com/outcrop-lab/outcrop/experiments/folder"
	"github.com/outcrop-lab/outcrop/experiments/machine"
	"github.com/outcrop-lab/outcrop/experiments/plan"
	"github.com/outcrop-lab/outcrop/experiments/sweep"
	"github.com/outcrop-lab/outcrop/experiments/todo"
	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/trainer"
	"github.com/outcrop-lab/outcrop/variant"
)

func planCommand(s *preferences) *cobra.Command {
	asJSON, calibrate, sets := false, false, []string(nil)
	cmd := &cobra.Command{
		Use:   "plan FILE|NAME",
		Short: "Check a sweep and list its runs, their cost and what is left to do",
		Long: `Check a sweep and list its runs: how each differs from the base, its parameters,
tokens and floating-point operations, the time, memory and disk space it needs,
and what is left to do. Nothing is trained. The time is forecast from a
measurement of this machine and assumes that the cores are free. The first plan
makes that measurement, in some twenty seconds, and keeps it in the user's
cache.`,
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			// A plan of many runs keeps most of what it allocates until it ends, so collecting often is wasted time.
			defer debug.SetGCPercent(debug.SetGCPercent(400))
			loaded, err := loadSweep(args[0], sets...)
			if err != nil {
				return err
			}
			planned, err := todo.PlanOf(s.Results, loaded, s.Device)
			if err != nil {
				return err
			}
			tasks, err := todo.Tasks(s.Results, planned)
			if err != nil {
				return err
			}
			s.remark(planned)
			if err := s.warnOfFormer(loaded.Name); err != nil {
				return err
			}
			if err := s.warnOfFit(planned); err != nil {
				return err
			}
			speed, err := machineSpeed(cmd.Context(), s, calibrate)
			if err != nil {
				return err
			}
			document := todo.DocumentOf(loaded.Name, planned, tasks, speed, s.Jobs, s.Threads)
			if _, free, err := machine.Disk(s.Results); err == nil && document.Total.Disk > free {
				s.log.Warn(fmt.Sprintf("what is left to do takes %s of disk space, but only %s are free where %s lies",
					plan.Bytes(document.Total.Disk), plan.Bytes(free), s.Results))
			}
			if left := plan.NotForecast(planned); speed != nil && len(left) > 0 {
				s.log.Warn("the times leave out the statistics " + strings.Join(left, ", "))
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

// remark warns of what a plan allows but seldom means.
func (s *preferences) remark(planned []plan.Planned) {
	for _, f := range plan.Remarks(planned) {
		s.log.Warn(f.String())
	}
}

// warnOfFormer warns of the stored runs of a sweep that another version of the trainer trained.
func (s *preferences) warnOfFormer(sweep string) error {
	former, err := todo.Former(s.Results, sweep)
	for _, version := range slices.Sorted(maps.Keys(former)) {
		s.log.Warn(fmt.Sprintf("%s holds %s of this sweep of trainer version %d, which do not count: this outcrop, of "+
			"version %d, trains the sweep again, under other ids", s.Results, count.Of(former[version], "run"), version,
			trainer.Version))
	}
	return err
}

// warnOfFit warns of the runs that `run` refuses because this machine lacks the memory.
func (s *preferences) warnOfFit(planned []plan.Planned) error {
	err := todo.Fit(s.Results, planned, machine.Here())
	var input *settings.InputError
	if !errors.As(err, &input) {
		return err
	}
	for _, fault := range input.Faults {
		s.log.Warn(fault.String() + "; `outcrop run` refuses it here")
	}
	return nil
}

// machineSpeed returns the stored measurement of this machine's speed. If there is none, or if again is true,
// machineSpeed measures the speed now and stores the result. If the result cannot be stored, machineSpeed logs a
// warning and still returns the result.
func machineSpeed(ctx context.Context, s *preferences, again bool) (*plan.Speed, error) {
	if !again {
		kept, ok, err := plan.KeptSpeed()
		if err != nil {
			s.log.Warn(err.Error())
		} else if ok {
			return &kept, nil
		}
	}
	s.log.Info("measuring this machine, once, for some twenty seconds; --calibrate repeats it")
	speed, err := plan.Calibrate(ctx)
	if err != nil {
		return nil, err
	}
	if err := speed.Keep(); err != nil {
		s.log.Warn(err.Error())
	}
	return &speed, nil
}

func printPlan(out io.Writer, d todo.Document) error {
	buffered := bufio.NewWriterSize(out, 1<<16) // the table is written cell by cell
	w := tabwriter.NewWriter(buffered, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "run\tarm\tseed\tparams\ttokens\tFLOPs\ttime\tmemory\tdisk\tstate\tdiffers")
	for _, r := range d.Runs {
		_, _ = fmt.Fprintf(w, "%.12s\t%s\t%d\t%d\t%.0f\t%.3g\t%s\t%s\t%s\t%s\t%s\n",
			r.Run, r.Arm, r.Seed, r.Params, r.Tokens, r.FLOPs,
			span(r.SecondsLow, r.SecondsHigh), plan.Bytes(r.Memory), plan.Bytes(r.Disk), r.Task, r.Differs)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if len(d.Data) > 0 {
		_, _ = fmt.Fprintln(buffered)
	}
	for i, f := range d.Data {
		if i == mostDataFiles && len(d.Data) > i+1 {
			_, _ = fmt.Fprintf(buffered, "data  and %s\n", count.Of(len(d.Data)-i, "more file"))
			break
		}
		_, _ = fmt.Fprintf(buffered, "data  %s\n", dataFile(f))
	}
	t := d.Total
	_, _ = fmt.Fprintf(buffered, "\n%d of %s to do: %.3g tokens, %.3g FLOPs; %s with --jobs %d --threads %d; ",
		t.ToDo, count.Of(t.Runs, "run"), t.Tokens, t.FLOPs, span(t.SecondsLow, t.SecondsHigh), t.Jobs, t.Threads)
	_, _ = fmt.Fprintf(buffered, "%s of memory at most, %s of disk\n", plan.Bytes(t.Memory), plan.Bytes(t.Disk))
	return buffered.Flush()
}

// mostDataFiles is the number of files of data that `plan` prints.
const mostDataFiles = 10

// dataFile formats what was found in a file of data.
func dataFile(f folder.DataFile) string {
	return fmt.Sprintf("%s, %s, vocabulary %d", f.File, count.Of(f.Tokens, "token"), f.Vocab)
}

// span formats a range of times, given in seconds, in the unit that suits its upper end, such as "12-19 s".
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

// digits2 formats a number to two significant digits, without an exponent.
func digits2(x float64) string {
	x, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 2, 64), 64)
	if err != nil {
		panic(err) // it was written by FormatFloat
	}
	return strconv.FormatFloat(x, 'f', -1, 64)
}

// setFlag adds the flag --set to a verb that loads a sweep.
func setFlag(cmd *cobra.Command, sets *[]string) {
	cmd.Flags().StringArrayVar(sets, "set", nil,
		"set `KEY=VALUE` in every run, over what the file says, as in optim.lr=3e-4; can be repeated")
}

// loadSweep loads the embedded sweep with the given name. If there is none, it loads the sweep file at the path name.
// It applies sets, the values of --set.
func loadSweep(name string, sets ...string) (*sweep.Sweep, error) {
	if src, ok := configs.Sweep(name); ok {
		return sweep.LoadEmbedded(name+".yaml", src, sets...)
	}
	if _, err := os.Stat(name); err != nil && !strings.ContainsAny(name, "./\\") {
		return nil, usageError{variant.Unknown("sweep", name, configs.Sweeps())}
	}
	return sweep.Load(name, sets...)
}
