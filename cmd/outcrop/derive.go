package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/outcrop-lab/outcrop/derive"
	"github.com/outcrop-lab/outcrop/experiments/results"
	"github.com/outcrop-lab/outcrop/store"
	"github.com/outcrop-lab/outcrop/variant"
)

// derivedTable is one quantity of several runs. A row begins with arm, seed and run; the rest are the quantity's columns.
type derivedTable struct {
	Quantity string            `json:"quantity"`
	Formula  string            `json:"formula"`
	Unit     string            `json:"unit"`
	Source   string            `json:"source"`
	Rows     []json.RawMessage `json:"rows"`

	columns []string
	rows    [][]any
}

// lackingRow is a run that lacks the rows which a quantity needs.
type lackingRow struct {
	Quantity string `json:"quantity"`
	Run      string `json:"run"`
	Message  string `json:"message"`
}

// derivedDocument is what derive --json prints.
type derivedDocument struct {
	Quantities []derivedTable `json:"quantities"`
	Lacking    []lackingRow   `json:"lacking"`
}

func deriveCommand(s *preferences) *cobra.Command {
	asJSON, everyStep := false, false
	cmd := &cobra.Command{
		Use:   "derive SWEEP|RUN [QUANTITY…]",
		Short: "Derive what needs several layers or steps from the database's rows: first crossings, phases of depth, stability …",
		Long: `Derive quantities from the rows in the database, training and measuring nothing. SWEEP is a sweep's name, RUN a run's id
or the beginning of it. Where rows are lacking it says which, and the command that measures them from kept checkpoints.
The quantities are

` + quantityList(),
		Args: arguments(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			quantities, err := chosen(args[1:])
			if err != nil {
				return err
			}
			var document derivedDocument
			if err := s.reading(func(db *store.DB) error {
				target, err := results.Find(db, args[0])
				if err != nil {
					return err
				}
				document, err = derived(db, target.Runs, quantities, everyStep)
				return err
			}); err != nil {
				return err
			}
			if len(document.Quantities) == 0 {
				return usageError{errors.New(strings.Join(document.reasons(), "; "))}
			}
			if asJSON {
				e := json.NewEncoder(cmd.OutOrStdout())
				e.SetEscapeHTML(false)
				return e.Encode(document)
			}
			for _, reason := range document.reasons() {
				s.log.Warn(reason)
			}
			return document.print(cmd.OutOrStdout())
		},
	}
	cmd.Flags().BoolVar(&everyStep, "every-step", false, "every measured step; the last one of each run unless said")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

func quantityList() string {
	var lines []string
	for _, q := range derive.All() {
		lines = append(lines, fmt.Sprintf("  %-25s%s [%s]", q.Name, q.Formula, q.Source))
	}
	return strings.Join(lines, "\n")
}

// chosen are the named quantities, or all.
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

// derived computes the quantities of the runs; those of which no run has rows are only among Lacking.
func derived(db *store.DB, runs []store.MemberRun, quantities []derive.Quantity, everyStep bool) (derivedDocument, error) {
	document := derivedDocument{Quantities: []derivedTable{}, Lacking: []lackingRow{}}
	for _, q := range quantities {
		table := derivedTable{Quantity: q.Name, Formula: q.Formula, Unit: q.Unit, Source: q.Source, columns: append([]string{"arm", "seed", "run"}, q.Columns...)}
		for _, m := range runs {
			if m.Run.Status == store.Planned {
				document.Lacking = append(document.Lacking, lackingRow{q.Name, m.Run.ID, fmt.Sprintf("run %.12s: %s: nothing is measured before `outcrop run`", m.Run.ID, q.Name)})
				continue
			}
			rows, err := derive.Read(db, m.Run.ID, q)
			var lacking *derive.Lacking
			if errors.As(err, &lacking) {
				document.Lacking = append(document.Lacking, lackingRow{q.Name, m.Run.ID, err.Error()})
				continue
			}
			if err != nil {
				return document, err
			}
			values := q.Compute(rows)
			if len(values) == 0 {
				message := fmt.Sprintf("run %.12s: %s: there is no step at which all that it reads is measured and finite", m.Run.ID, q.Name)
				document.Lacking = append(document.Lacking, lackingRow{q.Name, m.Run.ID, message})
				continue
			}
			if !everyStep && q.Columns[0] == "step" {
				values = lastStep(values)
			}
			for _, v := range values {
				if err := table.add(m, v); err != nil {
					return document, err
				}
			}
		}
		if len(table.rows) > 0 {
			document.Quantities = append(document.Quantities, table)
		}
	}
	return document, nil
}

// lastStep keeps the rows of the last step, which stand at the end.
func lastStep(rows [][]any) [][]any {
	from := len(rows)
	for from > 0 && rows[from-1][0] == rows[len(rows)-1][0] {
		from--
	}
	return rows[from:]
}

func (t *derivedTable) add(m store.MemberRun, values []any) error {
	row := append([]any{m.Member.Arm, m.Member.Seed, m.Run.ID}, values...)
	for i, v := range row {
		if f, ok := v.(float64); ok && math.IsNaN(f) {
			row[i] = nil
		}
	}
	var keys [][]byte
	for _, c := range t.columns {
		key, err := json.Marshal(c)
		if err != nil {
			return err
		}
		keys = append(keys, key)
	}
	object, err := jsonObject(keys, row)
	t.rows, t.Rows = append(t.rows, row), append(t.Rows, object)
	return err
}

// print prints a table a quantity.
func (d derivedDocument) print(out io.Writer) error {
	for i, t := range d.Quantities {
		if i > 0 {
			_, _ = fmt.Fprintln(out)
		}
		_, _ = fmt.Fprintf(out, "%s: %s (%s) [%s]\n", t.Quantity, t.Formula, t.Unit, t.Source)
		p := tablePrinter(out)
		if err := p.header(t.columns); err != nil {
			return err
		}
		for _, row := range t.rows {
			cells := make([]any, len(row))
			for j, v := range row {
				switch x := v.(type) {
				case nil:
					cells[j] = undetermined
				case float64:
					cells[j] = fmt.Sprintf("%.4g", x)
				case string:
					cells[j] = x
					if t.columns[j] == "run" {
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

// reasons says of each quantity that a run lacks why, by the first such run, and how many others there are.
func (d derivedDocument) reasons() []string {
	if len(d.Lacking) == 0 && len(d.Quantities) == 0 {
		return []string{"there is nothing to derive from: the sweep has no runs"}
	}
	var texts []string
	for i := 0; i < len(d.Lacking); {
		first, n := d.Lacking[i], 0
		for ; i < len(d.Lacking) && d.Lacking[i].Quantity == first.Quantity; i++ {
			n++
		}
		text := first.Message
		if n > 1 {
			text += fmt.Sprintf(" (%d runs lack it)", n)
		}
		texts = append(texts, text)
	}
	return texts
}
