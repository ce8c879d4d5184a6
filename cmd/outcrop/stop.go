package main

import (
	"context"
	"encoding/json"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/outcrop-lab/outcrop/store"
)

// stoppedRow is one run that was asked to stop, as printed.
type stoppedRow struct {
	Run    string `json:"run"`
	Status string `json:"status"`
	Step   int    `json:"step"`
	Steps  int    `json:"steps"`
	PID    int    `json:"pid"` // of the coordinator that had it
	Host   string `json:"host"`
}

func stopCommand(s *preferences) *cobra.Command {
	asJSON, wait := false, time.Duration(0)
	cmd := &cobra.Command{
		Use:   "stop RUN|SWEEP",
		Short: "Ask the process that trains a run, or a sweep, to stop it at a checkpoint",
		Long: `Ask whoever trains a run, or the runs of a sweep, to stop them: each writes a checkpoint and is "stopped". Runs of a sweep
that have not begun are not begun. RUN is a run's id, or the beginning of it. What was stopped goes on with outcrop resume,
run or retry.`,
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			db, err := store.OpenExisting(s.database())
			if err != nil {
				return err
			}
			defer func() { _ = db.Close() }()
			ids, err := runsNamed(db, args[0])
			if err != nil {
				return err
			}
			held, err := inForce(db, ids)
			if err != nil {
				return err
			}
			if err := db.RequestStop(ids); err != nil {
				return err
			}
			if len(held) == 0 {
				s.log.Info("nobody trains " + args[0])
			}
			waiting := awaitEnd(cmd.Context(), db, held, wait)
			rows := []stoppedRow{}
			for _, id := range ids {
				l := held[id]
				if l == nil {
					continue
				}
				run, _, err := db.RunByID(id)
				if err != nil {
					return err
				}
				rows = append(rows, stoppedRow{id, run.Status, run.Step, run.Steps, l.PID, l.Machine()})
			}
			if asJSON {
				err = json.NewEncoder(cmd.OutOrStdout()).Encode(rows)
			} else if len(rows) > 0 {
				w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
				_, _ = fmt.Fprintln(w, "run\tstatus\tstep\tsteps\tpid\thost")
				for _, r := range rows {
					_, _ = fmt.Fprintf(w, "%.12s\t%s\t%d\t%d\t%d\t%s\n", r.Run, r.Status, r.Step, r.Steps, r.PID, r.Host)
				}
				err = w.Flush()
			}
			if err == nil {
				err = waiting
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	cmd.Flags().DurationVar(&wait, "wait", 5*time.Minute, "how long to wait until they have stopped")
	return cmd
}

// inForce are the leases in force on these runs.
func inForce(db *store.DB, ids []string) (map[string]*store.Lease, error) {
	leases, err := db.Leases()
	held := map[string]*store.Lease{}
	for _, id := range ids {
		if l := leases[id]; l != nil && l.InForce(time.Now()) {
			held[id] = l
		}
	}
	return held, err
}

// awaitEnd waits until none of these leases is held by who holds it now.
func awaitEnd(ctx context.Context, db *store.DB, held map[string]*store.Lease, wait time.Duration) error {
	deadline := time.Now().Add(wait)
	for {
		leases, err := db.Leases()
		if err != nil {
			return err
		}
		still := 0
		for id, l := range held {
			if now := leases[id]; now != nil && now.Owner == l.Owner && now.InForce(time.Now()) {
				still++
			}
		}
		if still == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d runs had not stopped after %v; they will, after the step at hand", still, wait)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}
