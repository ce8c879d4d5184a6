package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/outcrop-lab/outcrop/count"
	"github.com/outcrop-lab/outcrop/experiments/results"
)

func rmCommand(s *preferences) *cobra.Command {
	asJSON, yes, dry := false, false, false
	cmd := &cobra.Command{Use: "rm RUN|SWEEP…",
		Short: "Remove runs or sweeps: their folders and their stored rows",
		Long: `Remove runs, arms or sweeps: their folders and all their rows in the database. A
name is a run's id, the beginning of one, SWEEP/ARM/SEED, SWEEP/ARM or SWEEP.
Removing a sweep removes its runs, except those that another sweep also has.
Removing a run by its name removes it from every sweep, and each of these plans
it again. A run that a process works on is not removed. The verb prints what it
will remove and asks first, unless --yes is given. If it is killed, either all
of it has been removed or nothing.`,
		Args: arguments(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := results.PlanRemoval(s.Results, args)
			if err != nil {
				return err
			}
			if !asJSON {
				printRemoval(cmd.OutOrStdout(), r)
			}
			removed := false
			if len(r.Runs)+len(r.Sweeps) == 0 {
				s.log.Info("nothing to remove: nothing is stored of these runs yet")
			} else if !dry {
				if !yes {
					if err := confirm(cmd.InOrStdin(), cmd.ErrOrStderr()); err != nil {
						return err
					}
				}
				if err := results.Remove(s.Results, r); err != nil {
					return err
				}
				removed = true
				s.log.Info("removed; to shrink the database file, run: outcrop db vacuum")
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(results.RemovalDocument{Removal: r, Removed: removed})
			}
			return nil
		}}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask first")
	cmd.Flags().BoolVarP(&dry, "dry-run", "n", false, "print what would be removed, and remove nothing")
	return cmd
}

func printRemoval(out io.Writer, r results.Removal) {
	for _, sweep := range r.Sweeps {
		_, _ = fmt.Fprintf(out, "sweep %s, %s of report and figures\n", sweep.Sweep, sized(sweep.Bytes))
	}
	for _, run := range r.Runs {
		_, _ = fmt.Fprintf(out, "run   %.12s (%s, seed %d), %s\n", run.Run, run.Arm, run.Seed, sized(run.Bytes))
	}
	for _, kept := range r.Kept {
		_, _ = fmt.Fprintf(out, "kept  %.12s, which sweep %s also has\n", kept.Run, kept.Sweep)
	}
	_, _ = fmt.Fprintf(out, "total %s and %s, %s and %s of the database\n",
		count.Of(len(r.Sweeps), "sweep"), count.Of(len(r.Runs), "run"), sized(r.Bytes), count.Of(r.Rows, "row"))
}

// confirm asks the user to confirm the removal, and returns an error unless the answer is y or yes.
func confirm(in io.Reader, ask io.Writer) error {
	_, _ = fmt.Fprint(ask, "Remove them? [y/N] ")
	answer, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	case "":
		return usageError{errors.New("nothing removed: answer y, or give --yes")}
	}
	return errors.New("nothing removed")
}
