package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/outcrop-lab/outcrop/studies"
)

func probeCommand(s *preferences) *cobra.Command {
	o, asJSON := studies.ProbeOptions{}, false
	cmd := &cobra.Command{
		Use:   "probe RUN",
		Short: "Measure a run again from its kept checkpoints, with other sites or statistics",
		Long: `Measure a run again from its kept checkpoints, training nothing, and add the rows to the database. RUN is a run's id,
or the beginning of it. Without flags the run's own sites and statistics are measured; rows that are there stay.`,
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
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%.12s: %d new rows from the checkpoints of steps %v; %d rows came out otherwise than before\n",
				done.Run, done.Rows, done.Steps, done.Conflicts+done.Differences)
			return err
		},
	}
	cmd.Flags().StringSliceVar(&o.Sites, "sites", nil, "sites of the statistics that take any, as resid_post,mlp.act; the run's unless said")
	cmd.Flags().StringSliceVar(&o.Statistics, "statistics", nil, "statistics, as top1,matrix_entropy; the run's unless said")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}
