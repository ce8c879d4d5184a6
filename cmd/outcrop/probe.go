package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/outcrop-lab/outcrop/count"
	"github.com/outcrop-lab/outcrop/studies"
)

func probeCommand(s *preferences) *cobra.Command {
	o, asJSON := studies.ProbeOptions{}, false
	cmd := &cobra.Command{
		Use:   "probe RUN",
		Short: "Measure a run again from its checkpoints, or measure more of it",
		Long: `Measure a run again from its kept checkpoints and add the rows to the database.
Nothing is trained, and stored rows stay. RUN is a run's id or the beginning of
one. Without flags, the run's own sites and statistics are measured.`,
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Results, o.Run, o.Threads = s.Results, args[0], s.Threads
			o.Progress = func(step int, loss float64) { s.log.Info(fmt.Sprintf("measured step %d, loss %.4g", step, loss)) }
			done, err := studies.Probe(cmd.Context(), o)
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(done)
			}
			differing := done.Conflicts + done.Differences
			_, err = fmt.Fprintf(cmd.OutOrStdout(),
				"%.12s: %s from the %s %v; %s %s stored before\n", done.Run,
				count.Of(done.Rows, "new row"),
				count.Agree(len(done.Steps), "checkpoint of step", "checkpoints of steps"), done.Steps,
				count.Of(differing, "row"), count.Agree(differing, "differs from the one", "differ from those"))
			return err
		},
	}
	cmd.Flags().StringSliceVar(&o.Sites, "sites", nil,
		"sites for the statistics that can be taken at any site, as resid_post,mlp.act (default: the run's)")
	cmd.Flags().StringSliceVar(&o.Statistics, "statistics", nil,
		"statistics to measure, as top1,matrix_entropy (default: the run's)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}
