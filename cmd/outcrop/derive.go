package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/outcrop-lab/outcrop/derive"
	"github.com/outcrop-lab/outcrop/experiments/results"
	"github.com/outcrop-lab/outcrop/store"
	"github.com/outcrop-lab/outcrop/variant"
)

func deriveCommand(s *preferences) *cobra.Command {
	asJSON, everyStep := false, false
	cmd := &cobra.Command{
		Use:   "derive SWEEP|RUN [QUANTITY…]",
		Short: "Derive quantities of several layers or steps from the database",
		Long: `Derive quantities of several layers or steps from the rows in the database.
Nothing is trained or measured. SWEEP is a sweep's name, RUN a run's id or the
beginning of one. If rows are missing, the verb says which, and with what
command to measure them from kept checkpoints. The quantities are

` + quantityList(),
		Args: arguments(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			quantities, err := chosen(args[1:])
			if err != nil {
				return err
			}
			var document results.DerivedDocument
			if err := s.reading(func(db *store.DB) error {
				target, err := results.Find(db, args[0])
				if err != nil {
					return err
				}
				document, err = results.Derive(db, target.Runs, quantities, everyStep)
				return err
			}); err != nil {
				return err
			}
			if len(document.Quantities) == 0 {
				return usageError{errors.New(strings.Join(document.Reasons(), "; "))}
			}
			if asJSON {
				e := json.NewEncoder(cmd.OutOrStdout())
				e.SetEscapeHTML(false)
				return e.Encode(document)
			}
			for _, reason := range document.Reasons() {
				s.log.Warn(reason)
			}
			return printDerived(cmd.OutOrStdout(), document)
		},
	}
	cmd.Flags().BoolVar(&everyStep, "every-step", false, "derive at every measured step (default: each run's last)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

// quantityList lists the derived quantities with their formulas and sources, for the help text.
func quantityList() string {
	var lines []string
	for _, q := range derive.All() {
		lines = append(lines, wrap(fmt.Sprintf("  %-25s", q.Name), fmt.Sprintf("%s [%s]", q.Formula, q.Source), helpWidth)...)
	}
	return strings.Join(lines, "\n")
}

// chosen returns the named quantities, or all quantities if names is empty.
func chosen(names []string) ([]derive.Quantity, error) {
	if len(names) == 0 {
		return derive.All(), nil
	}
	var quantities []derive.Quantity
	for _, name := range names {
		q, ok := derive.Lookup(name)
		if !ok {
			return nil, usageError{variant.Unknown("quantity", name, slices.Sorted(slices.Values(derive.Names())))}
		}
		quantities = append(quantities, q)
	}
	return quantities, nil
}

// printDerived prints a table for each quantity.
func printDerived(out io.Writer, d results.DerivedDocument) error {
	for i, t := range d.Quantities {
		if i > 0 {
			_, _ = fmt.Fprintln(out)
		}
		_, _ = fmt.Fprintf(out, "%s: %s (%s) [%s]\n", t.Quantity, t.Formula, t.Unit, t.Source)
		p := tablePrinter(out)
		if err := p.header(t.Columns); err != nil {
			return err
		}
		for _, row := range t.Values {
			cells := make([]any, len(row))
			for j, v := range row {
				switch x := v.(type) {
				case nil:
					cells[j] = undetermined
				case float64:
					cells[j] = fmt.Sprintf("%.4g", x)
				case string:
					cells[j] = x
					if t.Columns[j] == "run" {
						cells[j] = fmt.Sprintf("%.12s", x)
					}
				default:
					cells[j] = v
				}
			}
			if err := p.row(cells); err != nil {
				return err
			}
		}
		if err := p.close(); err != nil {
			return err
		}
	}
	return nil
}
