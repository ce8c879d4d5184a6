package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/outcrop-lab/outcrop/trainer"
	"github.com/outcrop-lab/outcrop/variant"
)

func variantsCommand(*settings) *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{Use: "variants [SLOT]", Short: "List what each slot of a configuration may hold: formula, parameters and their defaults, paper", Args: arguments(cobra.MaximumNArgs(1)), RunE: func(cmd *cobra.Command, args []string) error {
		config := trainer.Default()
		rows := variant.List(&config)
		if len(args) == 1 {
			var slots []string
			var kept []variant.Listed
			for _, v := range rows {
				slots = append(slots, v.Slot)
				if v.Slot == args[0] {
					kept = append(kept, v)
				}
			}
			if rows = kept; kept == nil {
				return usageError{variant.Unknown("slot", args[0], slices.Compact(slots))}
			}
		}
		out := cmd.OutOrStdout()
		if asJSON {
			e := json.NewEncoder(out)
			e.SetEscapeHTML(false)
			e.SetIndent("", "  ")
			return e.Encode(rows)
		}
		slot := ""
		for _, v := range rows {
			if v.Slot != slot {
				slot = v.Slot
				_, _ = fmt.Fprintln(out, slot)
			}
			_, _ = fmt.Fprintf(out, "  %-14s%s\n", v.Name, v.Formula)
			if about := about(v); about != "" {
				_, _ = fmt.Fprintf(out, "  %-14s%s\n", "", about)
			}
		}
		return nil
	}}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

// about is a variant's parameters with their defaults, as a map of the sweep file, and its source.
func about(v variant.Listed) string {
	var parts []string
	for _, p := range v.Params {
		value := fmt.Sprint(p.Default)
		if p.Default == "" {
			value = `""`
		}
		parts = append(parts, p.Name+": "+value)
	}
	line := ""
	if parts != nil {
		line = "{" + strings.Join(parts, ", ") + "}  "
	}
	if v.Source != "" {
		line += "[" + v.Source + "]"
	}
	return line
}
