package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/outcrop-lab/outcrop/count"
	"github.com/outcrop-lab/outcrop/studies"
	"github.com/outcrop-lab/outcrop/trainer"
)

func absorbCommand(s *preferences) *cobra.Command {
	o, asJSON := studies.AbsorbOptions{}, false
	cmd := &cobra.Command{
		Use:   "absorb RUN --out FILE",
		Short: "Fold embed_proj into a model's other weights, and check the logits",
		Long: fmt.Sprintf(`Write the newest sound checkpoint of a run with arch.embed_proj as a model
without it, in safetensors. One projection is folded into the embedding, the
other into the head; if these were tied, they become two matrices. The logits of
both models are computed on the run's probe batch: if they differ by more than
%g of the largest, nothing is written. RUN is a run's id or the beginning of
one.`,
			trainer.AbsorbBound),
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.Out == "" {
				return usageError{errors.New("--out: wants the file to write; see outcrop absorb --help")}
			}
			o.Results, o.Run = s.Results, args[0]
			done, err := studies.Absorb(o)
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(done)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(),
				"%.12s at step %d: %s in %s; the logits differ by %.3g of the largest, bound %g\n",
				done.Run, done.Step, count.Of(done.Params, "parameter"), done.Out, done.Difference, done.Bound)
			return err
		},
	}
	cmd.Flags().StringVar(&o.Out, "out", "", "safetensors file to write")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}
