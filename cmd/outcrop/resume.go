package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/outcrop-lab/outcrop/experiments"
	"github.com/outcrop-lab/outcrop/store"
)

func resumeCommand(s *settings) *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{
		Use:   "resume SWEEP",
		Short: "Go on with a sweep of the database, without its file",
		Long: `Go on with a sweep that was begun, from the text that the database keeps of it: what is done stays, what was stopped or
lost goes on from its checkpoint, the rest is trained. Files that the sweep extends, and its data, are read again.`,
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			sweep, _, err := storedSweep(s, args[0])
			if err != nil {
				return err
			}
			return execute(cmd, s, sweep, args[0], nil, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

func retryCommand(s *settings) *cobra.Command {
	asJSON := false
	wanted := map[string]*bool{}
	cmd := &cobra.Command{
		Use:   "retry SWEEP",
		Short: "Begin a sweep's failed, lost and stopped runs again, and no others",
		Long: `Begin those runs of a sweep again that failed, whose coordinator is gone, or that were stopped; with flags only those.
Each goes on from its last checkpoint. Runs that were never begun are left to outcrop resume.`,
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			sweep, standing, err := storedSweep(s, args[0])
			if err != nil {
				return err
			}
			var statuses, only []string
			for status, asked := range wanted {
				if *asked {
					statuses = append(statuses, status)
				}
			}
			if len(statuses) == 0 {
				statuses = []string{store.Failed, store.Lost, store.Stopped}
			}
			for run, status := range standing {
				if slices.Contains(statuses, status) {
					only = append(only, run)
				}
			}
			if len(only) == 0 {
				s.log.Info(fmt.Sprintf("nothing to do: none of the sweep's %d runs is among %v", len(standing), slices.Sorted(slices.Values(statuses))))
				return nil
			}
			return execute(cmd, s, sweep, args[0], only, asJSON)
		},
	}
	for _, status := range []string{store.Failed, store.Lost, store.Stopped} {
		wanted[status] = cmd.Flags().Bool(status, false, "the "+status+" runs")
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

// storedSweep reads a sweep from the text that the database keeps, and how its runs stand.
func storedSweep(s *settings, name string) (sweep *experiments.Sweep, standing map[string]string, err error) {
	standing = map[string]string{}
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
				standing[r.Run.ID] = "ended early"
				continue
			}
			standing[r.Run.ID] = store.StateOf(r.Run.Status, leases[r.Run.ID], time.Now())
		}
		sweep, err = experiments.LoadStored(name, stored.Source)
		if err != nil {
			return fmt.Errorf("sweep %s as the database keeps it: %w", name, err)
		}
		planned, err := sweep.Plan(s.Device)
		if err != nil {
			return fmt.Errorf("sweep %s as the database keeps it: %w", name, err)
		}
		for _, p := range planned {
			if _, known := standing[p.ID]; !known {
				return usageError{fmt.Errorf("sweep %s: %w", name, errChanged)}
			}
		}
		return nil
	})
	return sweep, standing, err
}

// errChanged is returned where the runs of a stored sweep are not those that it had.
var errChanged = errors.New("its runs come out otherwise than when it was begun, for its data, a file that it extends or the trainer's version changed: " +
	"say outcrop run FILE to begin anew")
