package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/outcrop-lab/outcrop/export"
	"github.com/outcrop-lab/outcrop/store"
)

func exportCommand(s *preferences) *cobra.Command {
	format, out := "", ""
	formats := strings.Join(export.Formats(), ", ")
	cmd := &cobra.Command{Use: "export", Short: "Write every table, whole, to files for other programs"}
	cmd.Args = arguments(cobra.NoArgs)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if format == "" || out == "" {
			return usageError{fmt.Errorf("outcrop export wants --format (%s) and --out, a folder", formats)}
		}
		return s.reading(func(db *store.DB) error {
			paths, err := export.Write(cmd.Context(), db, format, out)
			for _, path := range paths {
				_, _ = fmt.Fprintln(cmd.OutOrStdout(), path)
			}
			return asInput(err)
		})
	}
	cmd.Flags().StringVar(&format, "format", "", formats)
	cmd.Flags().StringVar(&out, "out", "",
		"folder for the files: one per table, or for tensorboard one event file per run, in SWEEP/ARM/seed-N")
	return cmd
}
