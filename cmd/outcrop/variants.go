package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/outcrop-lab/outcrop/configs"
	"github.com/outcrop-lab/outcrop/data"
	"github.com/outcrop-lab/outcrop/trainer"
	"github.com/outcrop-lab/outcrop/variant"
)

func variantsCommand(*preferences) *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{Use: "variants [SLOT [VARIANT]]", Short: "List the variants of each slot of a configuration",
		Long: `List the variants of each slot of a configuration, with their formula,
parameters, defaults and paper. The variants of the slot "extends" are the
presets, those of "data.path" and "data.tokenizer" the texts and tokenizers that
ship with outcrop.`}
	cmd.Args = arguments(cobra.MaximumNArgs(2))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		rows, err := listVariants(args)
		if err != nil {
			return err
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
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

// listVariants returns all variants if args is empty, the variants of one slot if args names a slot, or a single
// variant if args names a slot and a variant. The slot "extends" stands for the presets.
func listVariants(args []string) (rows []variant.Listed, err error) {
	config := trainer.Default()
	all := append(variant.List(&config), shipped()...)
	if len(args) > 0 && args[0] == presetSlot {
		all = presets()
	}
	if len(args) == 0 {
		return all, nil
	}
	var names []string
	for _, v := range all {
		if v.Slot == args[0] {
			names = append(names, v.Name)
			if len(args) == 1 || v.Name == args[1] {
				rows = append(rows, v)
			}
		}
	}
	if names == nil {
		return nil, usageError{variant.Unknown("slot", args[0], slots())}
	}
	if rows == nil {
		return nil, usageError{variant.Unknown(args[0], args[1], names)}
	}
	return rows, nil
}

// presets lists the embedded presets as variants. The first line of a preset's file is listed in place of a formula.
func presets() (all []variant.Listed) {
	for _, name := range configs.Presets() {
		src, _ := configs.Preset(name)
		first, _, _ := strings.Cut(string(src), "\n")
		all = append(all, variant.Listed{Slot: presetSlot, Name: name, Formula: strings.TrimPrefix(first, "# "),
			Params: []variant.Param{}})
	}
	return all
}

// shipped lists the texts and tokenizers that ship with the program, as variants of the keys that take their names.
func shipped() (all []variant.Listed) {
	for _, name := range data.Texts() {
		all = append(all, variant.Listed{Slot: "data.path", Name: name, Formula: data.AboutText(name),
			Params: []variant.Param{}})
	}
	for _, name := range data.Tokenizers() {
		text, entries, _ := strings.Cut(name, "-")
		all = append(all, variant.Listed{Slot: "data.tokenizer", Name: name, Params: []variant.Param{},
			Formula: fmt.Sprintf("byte-level BPE trained on %s, %s tokens with the BOS", text, entries)})
	}
	return all
}

// about returns a variant's parameters with their defaults, written as in a sweep file, followed by the variant's
// source.
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
