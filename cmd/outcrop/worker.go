package main

import (
	"context"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/experiments"
)

// workerCommand trains the run of one folder. It stops when its standard input closes, as it does when the coordinator ends,
// however it ends.
func workerCommand(*settings) *cobra.Command {
	return &cobra.Command{Use: "worker RUNDIR", Hidden: true, Args: arguments(cobra.ExactArgs(1)), RunE: func(cmd *cobra.Command, args []string) error {
		compute.Quiet()
		ctx, cancel := context.WithCancel(cmd.Context())
		defer cancel()
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			cancel()
		}()
		return experiments.Work(ctx, args[0], cmd.OutOrStdout())
	}}
}
