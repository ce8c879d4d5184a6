package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/outcrop-lab/outcrop/experiments/plan"
	"github.com/outcrop-lab/outcrop/experiments/sweep"
	"github.com/outcrop-lab/outcrop/store"
)

func resumeCommand(s *preferences) *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{
		Use:   "resume SWEEP",
		Short: "Go on with a sweep of the database, without its file",
		Long: `Go on with a sweep that was begun, from the text that the database keeps of it: what is done stays, what was stopped or
lost goes on from its checkpoint, the rest is trained. Files that the sweep extends, and its data, are read again.`,
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
		Short: "Begin a sweep's failed, lost and stopped runs again, and no others",
		Long: `Begin those runs of a sweep again that failed, whose coordinator is gone, or that were stopped; with flags only those.
Each goes on from its last checkpoint. Runs that were never begun are left to outcrop resume.`,
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
				s.log.Info(fmt.Sprintf("nothing to do: none of the sweep's %d runs is among %v", len(statuses), slices.Sorted(slices.Values(asked))))
				return nil
			}
			return execute(cmd, s, loaded, args[0], only, asJSON)
		},
	}
	for _, status := range []string{store.Failed, store.Lost, store.Stopped} {
		wanted[status] = cmd.Flags().Bool(status, false, "the "+status+" runs")
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

// storedSweep reads a sweep from the text that the database keeps, and how its runs stand.
func storedSweep(s *preferences, name string) (loaded *sweep.Sweep, statuses map[string]string, err error) {
	statuses = map[string]string{}
	err = s.reading(func(db *store.DB) error {
		stored, err := sweepNamed(db, name)
		if err != nil {
			return err
		}
		runs, err := db.RunsOf(name)
		if err != nil {
			return err
		}
		leases, err := db.Leases()
		if err != nil {
			return err
		}
		for _, r := range runs {
			if strings.HasPrefix(r.Run.Error, "stopping: ") {
				statuses[r.Run.ID] = "ended early"
				continue
			}
			statuses[r.Run.ID] = store.StatusOf(r.Run.Status, leases[r.Run.ID], time.Now())
		}
		loaded, err = sweep.LoadStored(name, stored.Source)
		if err != nil {
			return fmt.Errorf("sweep %s as the database keeps it: %w", name, err)
		}
		planned, err := plan.Of(loaded, s.Device)
		if err != nil {
			return fmt.Errorf("sweep %s as the database keeps it: %w", name, err)
		}
		for _, p := range planned {
			if _, known := statuses[p.ID]; !known {
				return usageError{fmt.Errorf("sweep %s: %w", name, errChanged)}
			}
		}
		return nil
	})
	return loaded, statuses, err
}

// errChanged is returned where the runs of a stored sweep are not those that it had.
var errChanged = errors.New("its runs come out otherwise than when it was begun, for its data, a file that it extends or the trainer's version changed: " +
	"say outcrop run FILE to begin anew")
