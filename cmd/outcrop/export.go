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
	cmd := &cobra.Command{Use: "export", Short: "Write every table into files for other programs, every row of it", Args: arguments(cobra.NoArgs), RunE: func(cmd *cobra.Command, _ []string) error {
		if format == "" || out == "" {
			return usageError{fmt.Errorf("outcrop export wants --format (%s) and --out, a folder", strings.Join(export.Formats(), ", "))}
		}
		return s.reading(func(db *store.DB) error {
			paths, err := export.Write(cmd.Context(), db, format, out)
			for _, path := range paths {
				_, _ = fmt.Fprintln(cmd.OutOrStdout(), path)
			}
			return asInput(err)
		})
	}}
	cmd.Flags().StringVar(&format, "format", "", strings.Join(export.Formats(), ", "))
	cmd.Flags().StringVar(&out, "out", "", "folder of the files: one a table, or one event file a run, in SWEEP/ARM/seed-N")
	return cmd
}
