package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/outcrop-lab/outcrop/configs"
	"github.com/outcrop-lab/outcrop/experiments"
	"github.com/outcrop-lab/outcrop/variant"
)

// plannedRow is one run of a plan, as printed.
type plannedRow struct {
	Run     string `json:"run"`
	Arm     string `json:"arm"`
	Seed    uint64 `json:"seed"`
	Params  int    `json:"params"`
	Tokens  int    `json:"tokens"`
	State   string `json:"state"`
	Differs string `json:"differs"`
}

func planCommand(s *settings) *cobra.Command {
	asJSON, sets := false, []string(nil)
	cmd := &cobra.Command{Use: "plan FILE|NAME", Short: "Check a sweep and list its runs and what is left to do, training nothing", Args: arguments(cobra.ExactArgs(1)), RunE: func(cmd *cobra.Command, args []string) error {
		sweep, err := loadSweep(args[0], sets...)
		if err != nil {
			return err
		}
		planned, err := sweep.Plan(s.Device)
		if err != nil {
			return err
		}
		states, err := experiments.States(s.Results, planned)
		if err != nil {
			return err
		}
		rows := make([]plannedRow, len(planned))
		for i, p := range planned {
			rows[i] = plannedRow{Run: p.ID, Arm: p.Arm, Seed: p.Seed, Params: p.Params,
				Tokens: p.Config.Train.Steps * p.Config.Train.Batch * p.Config.Arch.Context, State: states[i].String(), Differs: differs(p.Differs)}
		}
		if asJSON {
			return json.NewEncoder(cmd.OutOrStdout()).Encode(rows)
		}
		w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
		_, _ = fmt.Fprintln(w, "run\tarm\tseed\tparams\ttokens\tstate\tdiffers")
		for _, r := range rows {
			_, _ = fmt.Fprintf(w, "%.12s\t%s\t%d\t%d\t%d\t%s\t%s\n", r.Run, r.Arm, r.Seed, r.Params, r.Tokens, r.State, r.Differs)
		}
		return w.Flush()
	}}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	setFlag(cmd, &sets)
	return cmd
}

func differs(settings []experiments.Setting) string {
	parts := make([]string, len(settings))
	for i, s := range settings {
		parts[i] = s.String()
	}
	return strings.Join(parts, ", ")
}

// setFlag is --set of a verb that loads a sweep.
func setFlag(cmd *cobra.Command, sets *[]string) {
	cmd.Flags().StringArrayVar(sets, "set", nil, "KEY=VALUE in every run, after all that the file says, as optim.lr=3e-4; may come often")
}

// loadSweep reads a sweep file, or the embedded sweep of that name, under --set.
func loadSweep(name string, sets ...string) (*experiments.Sweep, error) {
	if src, ok := configs.Sweep(name); ok {
		return experiments.LoadBytes(name+".yaml", src, sets...)
	}
	if _, err := os.Stat(name); err != nil && !strings.ContainsAny(name, "./\\") {
		return nil, usageError{variant.Unknown("sweep", name, configs.Sweeps())}
	}
	return experiments.Load(name, sets...)
}
