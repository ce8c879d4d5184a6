package main

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/outcrop-lab/outcrop/trainer"
)

func versionCommand(*preferences) *cobra.Command {
	cmd := &cobra.Command{Use: "version", Short: "Print the version", Args: arguments(cobra.NoArgs)}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		version, golang := "unknown", "unknown"
		if info, ok := debug.ReadBuildInfo(); ok {
			version, golang = info.Main.Version, info.GoVersion
		}
		if version == "(devel)" { // Go's word for a build without its commit
			version += ", commit unknown"
		}
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "outcrop %s, trainer version %d, %s\n", version, trainer.Version, golang)
		return err
	}
	return cmd
}
