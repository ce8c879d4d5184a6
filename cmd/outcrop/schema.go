package main

import (
	"encoding/json"

	"github.com/spf13/cobra"

	"github.com/outcrop-lab/outcrop/experiments/sweep"
)

func schemaCommand(*preferences) *cobra.Command {
	return &cobra.Command{Use: "schema", Short: "Print the JSON schema of a sweep file, for editors",
		Args: arguments(cobra.NoArgs),
		Long: "Print the JSON schema (draft 2020-12) of a sweep file, for editors.\n\n" +
			"  outcrop schema > sweep.schema.json\n\n" +
			"An editor with a YAML language server uses it if the sweep file begins with\n\n" +
			"  # yaml-language-server: $schema=sweep.schema.json\n\n" +
			"and a preset with\n\n" +
			"  # yaml-language-server: $schema=sweep.schema.json#/$defs/preset",
		RunE: func(cmd *cobra.Command, _ []string) error {
			e := json.NewEncoder(cmd.OutOrStdout())
			e.SetEscapeHTML(false)
			e.SetIndent("", "  ")
			return e.Encode(sweep.SweepSchema())
		}}
}
