package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/experiments/worker"
)

// workerCommand returns the verb that carries out the assignment in one run's folder: it trains the run, or measures it
// from checkpoints.
func workerCommand(*preferences) *cobra.Command {
	cmd := &cobra.Command{Use: "worker RUNDIR", Hidden: true, Args: arguments(cobra.ExactArgs(1))}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		compute.Quiet()
		return worker.Work(cmd.Context(), args[0], os.Stdin, unescaped(cmd.OutOrStdout()))
	}
	return cmd
}
