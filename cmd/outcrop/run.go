package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"al.essio.dev/pkg/shellescape"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/outcrop-lab/outcrop/count"
	"github.com/outcrop-lab/outcrop/experiments"
	"github.com/outcrop-lab/outcrop/experiments/folder"
	"github.com/outcrop-lab/outcrop/experiments/results"
	"github.com/outcrop-lab/outcrop/experiments/sweep"
	"github.com/outcrop-lab/outcrop/experiments/todo"
	"github.com/outcrop-lab/outcrop/report"
	"github.com/outcrop-lab/outcrop/store"
)

func runCommand(s *preferences) *cobra.Command {
	asJSON, sets := false, []string(nil)
	cmd := &cobra.Command{
		Use:   "run FILE|NAME",
		Short: "Train a sweep, fit its curves, draw figures and write a report",
		Args:  arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			loaded, err := loadSweep(args[0], sets...)
			if err != nil {
				return err
			}
			return execute(cmd, s, loaded, args[0], nil, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	setFlag(cmd, &sets)
	return cmd
}

// execute trains a sweep, writes its fits, figures and report, and runs the command of --notify. If only is not nil,
// only the runs with these ids are trained. The verb was called with the argument name.
func execute(cmd *cobra.Command, s *preferences, loaded *sweep.Sweep, name string, only []string, asJSON bool) error {
	summary, err := train(cmd, s, loaded, name, only, asJSON)
	s.notify(loaded.Name, summary, err, unescaped(cmd.ErrOrStderr()))
	return err
}

func train(cmd *cobra.Command, s *preferences, loaded *sweep.Sweep, name string, only []string, asJSON bool) (
	summary experiments.Summary, err error) {
	self, err := os.Executable()
	if err != nil {
		return summary, err
	}
	clock := time.Now()
	planned, err := todo.PlanOf(s.Results, loaded, s.Device)
	if err != nil {
		return summary, err
	}
	s.took(&clock, "planned "+count.Of(len(planned), "run"))
	s.remark(planned)
	show := newProgress(cmd.ErrOrStderr(), s, loaded.Name, planned)
	summary, err = experiments.Execute(cmd.Context(), loaded, experiments.Options{
		Results: s.Results, Jobs: s.Jobs, Threads: s.Threads, Retries: s.Retries, Device: s.Device, Only: only,
		Worker: func(dir string) *exec.Cmd {
			worker := exec.Command(self, "worker", "--", dir) // dir may begin with a dash
			worker.Env = append(os.Environ(), folder.CommandVariable+"="+commandLine(cmd, name))
			return worker
		},
		Events: show.event,
	})
	show.close()
	if errors.Is(err, context.Canceled) {
		s.log.Warn("interrupted: what was measured is kept; to continue, run: " + commandLine(cmd, name))
		return summary, errInterrupted
	}
	if err != nil {
		return summary, err
	}
	s.took(&clock, "trained and fitted")
	if err := present(cmd, s, loaded.Name, summary.Done+summary.Diverged > 0, asJSON, &clock); err != nil {
		return summary, err
	}
	return summary, s.outcome(loaded.Name, summary)
}

// present prints a sweep's results. If ended is true, which means that some of the sweep's runs are done or diverged,
// it first draws the figures and writes the report.
func present(cmd *cobra.Command, s *preferences, sweep string, ended, asJSON bool, clock *time.Time) error {
	return s.reading(func(db *store.DB) error {
		document, err := results.RunDocumentOf(db, sweep)
		if err != nil {
			return err
		}
		if ended {
			if document.Figures, err = draw(db, s, "", sweep, nil); err != nil {
				return err
			}
			if document.Report, err = s.reportPath("", sweep); err != nil {
				return err
			}
			if err := report.Write(db, sweep, document.Report); err != nil {
				return err
			}
		}
		s.took(clock, "drew "+count.Of(len(document.Figures), "figure")+" and wrote the report")
		out := cmd.OutOrStdout()
		if asJSON {
			return json.NewEncoder(out).Encode(document)
		}
		if document.Report == "" {
			return nil
		}
		figures, err := s.figuresDir("", sweep)
		if err != nil {
			return err
		}
		if err := printFits(out, document.Fits, ""); err != nil {
			return err
		}
		err = printAnswers(out, document.Answers)
		_, _ = fmt.Fprintf(out, "\nreport    %s\nfigures   %s\ndatabase  %s\n",
			document.Report, figures+string(filepath.Separator), document.Database)
		return err
	})
}

// outcome logs how a sweep's runs ended, and returns an error if some failed or were stopped.
func (s *preferences) outcome(sweep string, sum experiments.Summary) error {
	s.log.Info(fmt.Sprintf("%d done (%d of them before), %d diverged, %d failed",
		sum.Done, sum.Before, sum.Diverged, sum.Failed))
	if sum.Early > 0 {
		s.log.Info(count.Of(sum.Early, "run") + " ended early by the sweep's stopping rule")
	}
	if sum.Conflicts > 0 {
		s.log.Warn(s.conflicting(sum.Conflicts))
	}
	if sum.Failed > 0 {
		return fmt.Errorf("%s failed:\n%s\nto try again from the last checkpoint, run: %s",
			count.Of(sum.Failed, "run"), strings.Join(sum.Errors, "\n"), s.command("retry", "--failed", sweep))
	}
	if sum.Stopped > 0 {
		s.log.Warn(fmt.Sprintf("%s %s stopped on request; to continue, run: %s",
			count.Of(sum.Stopped, "run"), count.Agree(sum.Stopped, "was", "were"), s.command("resume", sweep)))
		return errInterrupted
	}
	return nil
}

// command returns the command line that calls outcrop with these words on the same results, quoted for a shell.
func (s *preferences) command(words ...string) string {
	line := "outcrop"
	for _, w := range words {
		line += " " + shellescape.Quote(w)
	}
	if s.Results != "results" {
		line += " --results=" + shellescape.Quote(s.Results)
	}
	return line
}

// conflicting returns the warning that n values differ from the values stored before under the same provenance.
func (s *preferences) conflicting(n int) string {
	differ := count.Agree(n, "differs from the one", "differ from those")
	return count.Of(n, "value") + " " + differ + " stored before under the same provenance, so the runs " +
		"are not deterministic; " +
		"to list the conflicts, run: " + s.command("query", "SELECT * FROM conflicts")
}

// commandLine returns the command line that repeats this call of cmd with the argument name, quoted for a shell.
func commandLine(cmd *cobra.Command, name string) string {
	words := []string{cmd.CommandPath()}
	if !strings.HasPrefix(name, "-") {
		words = append(words, shellescape.Quote(name))
	}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		values := []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		for _, value := range values {
			words = append(words, "--"+f.Name+"="+shellescape.Quote(value))
		}
	})
	if strings.HasPrefix(name, "-") {
		words = append(words, "--", shellescape.Quote(name))
	}
	return strings.Join(words, " ")
}
