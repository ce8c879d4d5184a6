package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/experiments/worker"
)

// workerCommand trains the run of one folder.
func workerCommand(*preferences) *cobra.Command {
	return &cobra.Command{Use: "worker RUNDIR", Hidden: true, Args: arguments(cobra.ExactArgs(1)), RunE: func(cmd *cobra.Command, args []string) error {
		compute.Quiet()
		return worker.Work(cmd.Context(), args[0], os.Stdin, cmd.OutOrStdout())
	}}
}
