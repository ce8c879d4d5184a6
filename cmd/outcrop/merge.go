package main

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/outcrop-lab/outcrop/count"
	"github.com/outcrop-lab/outcrop/experiments/results"
	"github.com/outcrop-lab/outcrop/experiments/run"
	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/trainer"
)

func mergeCommand(s *preferences) *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{
		Use:   "merge DIR…",
		Short: "Add runs or whole results folders from another machine",
		Long: `Add what other folders hold to the results. DIR is a run's folder, a folder of
such folders, or a results folder with its sweeps and fits. A stored row stays.
Another value for it is recorded beside it: as a conflict if the provenance is
the same, else as a difference. A run without a folder here gets a copy of its
folder, checkpoints included; in a folder that is here, damaged checkpoints and
snapshots are replaced by sound ones. Merging again changes nothing. All folders are
checked first; if one of them is unsound, nothing is merged.

The runs of a sweep whose name is stored here join its arms if they differ from
the arm's runs in no key but the seed; a new arm joins if it differs from the
others only in what the arms set. Others stay runs of no sweep, and are named.`,
		Args: arguments(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			standard := trainer.Default()
			all, err := results.MergeFolders(cmd.Context(), s.Results, args,
				results.MergeOptions{Identify: run.Identity, Files: settings.FileKeys(&standard), Damaged: damaged})
			if err != nil {
				return err
			}
			conflicts := 0
			for _, m := range all {
				conflicts += m.Conflicts
			}
			if asJSON {
				err = json.NewEncoder(cmd.OutOrStdout()).Encode(all)
			} else {
				w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
				_, _ = fmt.Fprintln(w, "from\truns\trows\tconflicts\tdifferences\tfolders")
				for _, m := range all {
					_, _ = fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\n", m.From, m.Runs, m.Rows, m.Conflicts, m.Differences, m.Copied)
				}
				err = w.Flush()
			}
			if conflicts > 0 {
				s.log.Warn(s.conflicting(conflicts))
			}
			for _, m := range all {
				for _, a := range m.Apart {
					s.log.Warn(a.String())
				}
				if m.Mended > 0 {
					s.log.Info(fmt.Sprintf("mended %d %s from %s", m.Mended, count.Agree(m.Mended, "damaged checkpoint or snapshot",
						"damaged checkpoints or snapshots"), m.From))
				}
				for _, path := range m.Damaged {
					s.log.Warn(path + " is damaged, and so is, or lacks, its copy in " + m.From)
				}
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

// damaged is trainer.Damaged for package results, which does not know the trainer.
func damaged(dir string) (all []results.Damage, err error) {
	found, err := trainer.Damaged(dir)
	for _, d := range found {
		all = append(all, results.Damage(d))
	}
	return all, err
}
