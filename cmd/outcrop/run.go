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

	"github.com/outcrop-lab/outcrop/experiments/results"

	"al.essio.dev/pkg/shellescape"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/outcrop-lab/outcrop/experiments"
	"github.com/outcrop-lab/outcrop/experiments/folder"
	"github.com/outcrop-lab/outcrop/experiments/plan"
	"github.com/outcrop-lab/outcrop/experiments/sweep"
	"github.com/outcrop-lab/outcrop/report"
	"github.com/outcrop-lab/outcrop/store"
)

func runCommand(s *preferences) *cobra.Command {
	asJSON, sets := false, []string(nil)
	cmd := &cobra.Command{
		Use:   "run FILE|NAME",
		Short: "Train a sweep, fit its curves, draw its figures and write its report",
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

// execute trains a sweep, or of its runs those with the ids of only, writes what follows from it, and tells whom --notify
// names. name is what the verb was called with.
func execute(cmd *cobra.Command, s *preferences, loaded *sweep.Sweep, name string, only []string, asJSON bool) error {
	summary, err := train(cmd, s, loaded, name, only, asJSON)
	s.notify(loaded.Name, summary, err, cmd.ErrOrStderr())
	return err
}

func train(cmd *cobra.Command, s *preferences, loaded *sweep.Sweep, name string, only []string, asJSON bool) (summary experiments.Summary, err error) {
	self, err := os.Executable()
	if err != nil {
		return summary, err
	}
	clock := time.Now()
	planned, err := plan.Of(loaded, s.Device)
	if err != nil {
		return summary, err
	}
	s.took(&clock, "planned "+counted(len(planned), "run"))
	show := newProgress(cmd.ErrOrStderr(), s, loaded.Name, planned)
	summary, err = experiments.Execute(cmd.Context(), loaded, experiments.Options{
		Results: s.Results, Jobs: s.Jobs, Threads: s.Threads, Retries: s.Retries, Device: s.Device, Only: only,
		Worker: func(dir string) *exec.Cmd {
			worker := exec.Command(self, "worker", dir)
			worker.Env = append(os.Environ(), folder.CommandVariable+"="+commandLine(cmd, name))
			return worker
		},
		Events: show.event,
	})
	show.close()
	if errors.Is(err, context.Canceled) {
		s.log.Warn("interrupted: what was measured is kept; go on with: " + commandLine(cmd, name))
		return summary, errInterrupted
	}
	if err != nil {
		return summary, err
	}
	s.took(&clock, "trained and fitted")
	db, err := store.OpenReadOnly(s.database())
	if err != nil {
		return summary, err
	}
	defer func() { _ = db.Close() }()
	document, err := results.RunDocumentOf(db, loaded.Name)
	if err != nil {
		return summary, err
	}
	if summary.Done+summary.Diverged > 0 {
		if document.Figures, err = draw(db, s, loaded.Name, nil); err != nil {
			return summary, err
		}
		document.Report = s.reportPath(loaded.Name)
		if err := report.Write(db, loaded.Name, document.Report); err != nil {
			return summary, err
		}
	}
	s.took(&clock, "drew "+counted(len(document.Figures), "figure")+" and wrote the report")
	out := cmd.OutOrStdout()
	if asJSON {
		err = json.NewEncoder(out).Encode(document)
	} else if document.Report != "" {
		err = printFits(out, document.Fits)
		_, _ = fmt.Fprintf(out, "\nreport    %s\nfigures   %s\ndatabase  %s\n", document.Report, s.figuresDir(loaded.Name)+string(filepath.Separator), document.Database)
	}
	if err != nil {
		return summary, err
	}
	s.log.Info(fmt.Sprintf("%d done (%d of them before), %d diverged, %d failed", summary.Done, summary.Kept, summary.Diverged, summary.Failed))
	if summary.Early > 0 {
		s.log.Info(fmt.Sprintf("%d ended early, as the sweep's rule says", summary.Early))
	}
	if summary.Conflicts > 0 {
		s.log.Warn(fmt.Sprintf("%d values came out otherwise than before under the same provenance: the runs are not deterministic; outcrop query \"SELECT * FROM conflicts\" lists them", summary.Conflicts))
	}
	if summary.Failed > 0 {
		return summary, fmt.Errorf("%d of the sweep's runs failed:\n%s", summary.Failed, strings.Join(summary.Errors, "\n"))
	}
	if summary.Stopped > 0 {
		s.log.Warn(fmt.Sprintf("%d runs were stopped as somebody asked: go on with outcrop resume %s", summary.Stopped, loaded.Name))
		return summary, errInterrupted
	}
	return summary, nil
}

// commandLine is this call again, as a shell takes it.
func commandLine(cmd *cobra.Command, name string) string {
	words := []string{cmd.CommandPath(), shellescape.Quote(name)}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		values := []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		for _, value := range values {
			words = append(words, "--"+f.Name+"="+shellescape.Quote(value))
		}
	})
	return strings.Join(words, " ")
}
