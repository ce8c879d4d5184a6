package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/outcrop-lab/outcrop/count"
	"github.com/outcrop-lab/outcrop/experiments/results"

	"github.com/spf13/cobra"

	"github.com/outcrop-lab/outcrop/store"
)

func stopCommand(s *preferences) *cobra.Command {
	asJSON, wait := false, time.Duration(0)
	cmd := &cobra.Command{
		Use:   "stop RUN|SWEEP",
		Short: "Stop a run or a sweep at a checkpoint, whichever process trains it",
		Long: `Ask the process that trains a run, or the runs of a sweep, to stop. Each run
writes a checkpoint and is then "stopped"; runs of the sweep that have not begun
do not begin. RUN is a run's id or the beginning of one. To continue stopped
runs, use outcrop resume, run or retry.`,
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
			held, err := inForce(db, s.Results, ids)
			if err != nil {
				return err
			}
			if err := db.RequestStop(ids); err != nil {
				return err
			}
			if len(held) == 0 {
				s.log.Info("no process trains " + args[0])
			}
			waiting := awaitEnd(cmd.Context(), db, s.Results, held, wait)
			rows, err := results.StoppedRuns(db, ids, held)
			if err != nil {
				return err
			}
			if asJSON {
				err = json.NewEncoder(cmd.OutOrStdout()).Encode(rows)
			} else {
				err = printStopped(cmd.OutOrStdout(), rows)
			}
			return errors.Join(err, waiting)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	cmd.Flags().DurationVar(&wait, "wait", 5*time.Minute, "how long to wait until the runs have stopped")
	return cmd
}

func printStopped(out io.Writer, rows []results.StoppedRun) error {
	if len(rows) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "run\tstatus\tstep\tsteps\tpid\thost")
	for _, r := range rows {
		_, _ = fmt.Fprintf(w, "%.12s\t%s\t%d\t%d\t%d\t%s\n", r.Run, r.Status, r.Step, r.Steps, r.PID, r.Host)
	}
	return w.Flush()
}

// inForce returns the leases on those of the runs ids on which a process works, by the run's id.
func inForce(db *store.DB, dir string, ids []string) (map[string]*store.Lease, error) {
	leases, err := db.Leases()
	if err != nil {
		return nil, err
	}
	held := map[string]*store.Lease{}
	for _, id := range ids {
		l := leases[id]
		if l == nil {
			continue
		}
		busy, err := results.AtWork(dir, id, l)
		if err != nil {
			return nil, err
		}
		if busy {
			held[id] = l
		}
	}
	return held, nil
}

// awaitEnd waits until every lease in held has ended or has another owner. It returns an error if this takes longer
// than wait.
func awaitEnd(ctx context.Context, db *store.DB, dir string, held map[string]*store.Lease, wait time.Duration) error {
	deadline := time.Now().Add(wait)
	ids := slices.Collect(maps.Keys(held))
	for {
		now, err := inForce(db, dir, ids)
		if err != nil {
			return err
		}
		still := 0
		for id, l := range now {
			if l.Owner == held[id].Owner {
				still++
			}
		}
		if still == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s had not stopped after %v: each stops after its current step", count.Of(still, "run"), wait)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}
