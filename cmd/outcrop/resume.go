package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/outcrop-lab/outcrop/count"
	"github.com/outcrop-lab/outcrop/experiments/results"
	"github.com/outcrop-lab/outcrop/experiments/run"
	"github.com/outcrop-lab/outcrop/experiments/sweep"
	"github.com/outcrop-lab/outcrop/experiments/todo"
	"github.com/outcrop-lab/outcrop/store"
)

func resumeCommand(s *preferences) *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{
		Use:   "resume SWEEP",
		Short: "Continue a sweep of the database, without its file",
		Long: `Continue a sweep from the copy of its file that the database keeps. Runs that
are done stay as they are, stopped and lost ones go on from their last
checkpoint, and the rest are trained. The copy holds what the file extends; only
the data are read again.`,
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			loaded, _, err := storedSweep(s, args[0])
			if err != nil {
				return err
			}
			return execute(cmd, s, loaded, args[0], nil, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

func retryCommand(s *preferences) *cobra.Command {
	asJSON := false
	wanted := map[string]*bool{}
	cmd := &cobra.Command{
		Use:   "retry SWEEP",
		Short: "Restart the failed, lost and stopped runs of a sweep",
		Long: `Restart the failed, lost and stopped runs of a sweep; with --failed, --lost or
--stopped, only those. A run is lost if the process that trained it is gone.
Each run goes on from its last checkpoint. Runs that never began are left to
outcrop resume.`,
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			loaded, statuses, err := storedSweep(s, args[0])
			if err != nil {
				return err
			}
			var asked, only []string
			for status, on := range wanted {
				if *on {
					asked = append(asked, status)
				}
			}
			if len(asked) == 0 {
				asked = []string{store.Failed, store.Lost, store.Stopped}
			}
			for run, status := range statuses {
				if slices.Contains(asked, status) {
					only = append(only, run)
				}
			}
			if len(only) == 0 {
				s.log.Info(fmt.Sprintf("nothing to do: of the sweep's %s none is %s",
					count.Of(len(statuses), "run"), strings.Join(slices.Sorted(slices.Values(asked)), " or ")))
				return nil
			}
			return execute(cmd, s, loaded, args[0], only, asJSON)
		},
	}
	for _, status := range []string{store.Failed, store.Lost, store.Stopped} {
		wanted[status] = cmd.Flags().Bool(status, false, "restart the "+status+" runs")
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

// storedSweep loads a sweep from the copy of its file that the database keeps. It also returns the status of each of
// the sweep's runs, by the run's id.
func storedSweep(s *preferences, name string) (loaded *sweep.Sweep, statuses map[string]string, err error) {
	statuses = map[string]string{}
	err = s.reading(func(db *store.DB) error {
		stored, err := sweepNamed(db, name)
		if err != nil {
			return err
		}
		all, err := results.Statuses(db, s.Results, stored.Name)
		if err != nil {
			return err
		}
		for _, r := range all[0].Runs {
			if statuses[r.Run] = r.Status; r.Early() {
				statuses[r.Run] = "ended early"
			}
		}
		name := stored.Name
		loaded, err = sweep.LoadStored(name, stored.Source)
		if err != nil {
			return fmt.Errorf("sweep %s, from its copy in the database: %w", name, err)
		}
		if err := todo.Locate(db, s.Results, loaded); err != nil {
			return fmt.Errorf("sweep %s, from its copy in the database: %w", name, err)
		}
		planned, err := todo.PlanOf(s.Results, loaded, s.Device)
		if err != nil {
			return fmt.Errorf("sweep %s, from its copy in the database: %w", name, err)
		}
		for _, p := range planned {
			if _, known := statuses[p.ID]; !known {
				if err := sameTrainer(db, name); err != nil {
					return fmt.Errorf("sweep %s: %w", name, err)
				}
				return usageError{fmt.Errorf("sweep %s: %w", name, errChanged)}
			}
		}
		return nil
	})
	return loaded, statuses, err
}

// sameTrainer returns an error that names the first stored run of a sweep that is of another trainer version.
func sameTrainer(db *store.DB, sweep string) error {
	runs, err := db.RunsOf(sweep)
	if err != nil {
		return err
	}
	for _, m := range runs {
		if err := run.SameTrainer(m.Run.ID, m.Run.TrainerVersion); err != nil {
			return err
		}
	}
	return nil
}

// errChanged means that a stored sweep now resolves to other runs than when it was stored.
var errChanged = errors.New("its runs are no longer those that it began with, because its data or a file that it " +
	"extends has changed: train its file again with outcrop run")
