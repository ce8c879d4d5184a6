package main

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/outcrop-lab/outcrop/experiments/results"
)

func mergeCommand(s *preferences) *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{
		Use:   "merge DIR…",
		Short: "Bring in runs, or whole results folders, from another machine",
		Long: `Bring what other folders hold into the results: a run's folder, a folder of those, or a results folder with its sweeps and
fits. Rows that are there stay, and one that comes otherwise is kept beside it as a conflict or a difference; a run's folder
that is not there is copied, checkpoints and all. Merging again changes nothing. All folders are checked first: where one is
at fault nothing is merged.`,
		Args: arguments(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			all, err := results.MergeFolders(cmd.Context(), s.Results, args)
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
				s.log.Warn(fmt.Sprintf("%d values came out otherwise under the same provenance: the runs are not deterministic; outcrop query \"SELECT * FROM conflicts\" lists them", conflicts))
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}
