package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/outcrop-lab/outcrop/count"
	"github.com/outcrop-lab/outcrop/experiments/results"
	"github.com/outcrop-lab/outcrop/store"
)

func statusCommand(s *preferences) *cobra.Command {
	asJSON, watch, every := false, false, 2*time.Second
	cmd := &cobra.Command{Use: "status [SWEEP]", Short: "Show the status of each sweep's runs, also while they train",
		Long: `Show the status of each sweep's runs, their step, loss, steps per second and
time left. All of it comes from the database and, for runs that train, from the
end of their own log, which is newer. The column state says: planned, leased,
running, done, stopped (can go on), failed, diverged, or lost (it was running,
but no process works on it any more).

With --watch, a terminal shows the table until q or Ctrl-C, and redraws it.
Elsewhere the table is printed again and again until nothing is left to do. Both
end with exit code 0.`,
		Args: arguments(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if watch && asJSON {
				return usageError{fmt.Errorf("--watch and --json exclude each other: choose one")}
			}
			if every < 100*time.Millisecond {
				return usageError{fmt.Errorf("--every: wants at least 100ms, got %v", every)}
			}
			return s.reading(func(db *store.DB) error {
				sweep := ""
				if len(args) == 1 {
					found, err := sweepNamed(db, strings.TrimSuffix(args[0], "/"))
					if err != nil {
						return err
					}
					sweep = found.Name
				}
				read := func() ([]results.SweepStatus, error) { return results.Statuses(db, s.Results, sweep) }
				if watch {
					return watchStatus(cmd.Context(), cmd.OutOrStdout(), read, every)
				}
				all, err := read()
				if err != nil {
					return err
				}
				if asJSON {
					return json.NewEncoder(cmd.OutOrStdout()).Encode(results.StatusDocuments(all))
				}
				return printStatus(cmd.OutOrStdout(), painterFor(cmd.OutOrStdout()), all, nil)
			})
		}}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "refresh the table until q or Ctrl-C")
	cmd.Flags().DurationVar(&every, "every", every, "with --watch: time between two refreshes")
	return cmd
}

// printStatus prints one table per sweep. It leaves out the runs for which hide returns true.
func printStatus(out io.Writer, paint painter, all []results.SweepStatus, hide func(results.RunStatus) bool) error {
	for i, s := range all {
		if i > 0 {
			_, _ = fmt.Fprintln(out)
		}
		_, _ = fmt.Fprintln(out, heading(paint, s))
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		_, _ = fmt.Fprintf(w, "run\tarm\tseed\t%s\tstep\tloss\tsteps/s\tleft\tattempts\n", paint.paint("state", plainColour))
		hidden := 0
		for _, r := range s.Runs {
			if hide != nil && hide(r) {
				hidden++
				continue
			}
			step := fmt.Sprintf("%d/%d", r.Step, r.Steps)
			if r.Steps == 0 {
				step = undetermined
			}
			_, _ = fmt.Fprintf(w, "%.12s\t%s\t%d\t%s\t%s\t%s\t%s\t%s\t%d\n",
				r.Run, oneLine(r.Arm), r.Seed, paint.status(r.Status), step, show("%.4f", results.Number(r.Loss)),
				show("%.3g", results.Number(r.Rate)), lasting(r.Left), r.Attempts)
		}
		if err := w.Flush(); err != nil {
			return err
		}
		if hidden > 0 {
			_, _ = fmt.Fprintf(out, "and %d more\n", hidden)
		}
		for _, r := range s.Runs {
			if r.Error != "" && r.Status == store.Failed {
				first, _, _ := strings.Cut(r.Error, "\n")
				_, _ = fmt.Fprintf(out, "%.12s failed: %s\n", r.Run, first)
			}
		}
	}
	return nil
}

// heading summarises a sweep in one line.
func heading(paint painter, s results.SweepStatus) string {
	runs, statuses := 0, []string{}
	for status, n := range s.Counts {
		runs += n
		statuses = append(statuses, status)
	}
	slices.SortFunc(statuses, func(a, b string) int {
		at := func(status string) int {
			if i := slices.Index(store.Statuses, status); i >= 0 {
				return i
			}
			return len(store.Statuses)
		}
		if at(a) != at(b) {
			return at(a) - at(b)
		}
		return strings.Compare(a, b)
	})
	for i, status := range statuses {
		statuses[i] = fmt.Sprintf("%d %s", s.Counts[status], paint.status(status))
	}
	name := "sweep " + oneLine(s.Sweep)
	if s.Sweep == "" {
		name = "runs in no sweep"
	}
	line := fmt.Sprintf("%s: %s, %s", name, count.Of(runs, "run"), strings.Join(statuses, ", "))
	if lasting(s.Left) != undetermined {
		line += fmt.Sprintf("; %s of the work done, %s left", percent(s.Progress), lasting(s.Left))
	}
	return line
}

// percent formats a share in whole percents. It is 100 % only if all is done.
func percent(share float64) string { return fmt.Sprintf("%.0f %%", math.Floor(100*share+1e-9)) }

// fitting formats the status in at most height lines. If the text is too long, fitting first leaves out the runs that
// ended without a failure, then also the runs that are only planned. If it is still too long, fitting cuts off its end.
func fitting(paint painter, all []results.SweepStatus, height int) (string, error) {
	ended := func(r results.RunStatus) bool {
		return store.Settled(r.Status) && r.Status != store.Failed
	}
	var text string
	for _, hide := range []func(results.RunStatus) bool{nil, ended,
		func(r results.RunStatus) bool { return ended(r) || r.Status == store.Planned }} {
		var out bytes.Buffer
		if err := printStatus(&out, paint, all, hide); err != nil {
			return "", err
		}
		if text = out.String(); strings.Count(text, "\n") <= height {
			return text, nil
		}
	}
	lines := strings.SplitAfter(text, "\n")
	return strings.Join(lines[:max(0, height-1)], "") + "…\n", nil
}
