package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/outcrop-lab/outcrop/experiments/results"
	"github.com/outcrop-lab/outcrop/export"
	"github.com/outcrop-lab/outcrop/store"
)

// printer prints the rows of a query's result one by one.
type printer struct {
	header func(columns []string) error
	row    func(values []any) error
	close  func() error
}

func queryCommand(s *preferences) *cobra.Command {
	asJSON, asCSV := false, false
	cmd := &cobra.Command{Use: "query SQL", Short: "Print what a SELECT reads from the database; it is not changed",
		Args:    arguments(cobra.ExactArgs(1)),
		Example: `  outcrop query "SELECT run, value FROM statistics WHERE statistic = 'loss'"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if asJSON && asCSV {
				return usageError{errors.New("--json and --csv exclude each other: choose one")}
			}
			p := tablePrinter(cmd.OutOrStdout())
			if asJSON {
				p = jsonPrinter(cmd.OutOrStdout())
			} else if asCSV {
				p = csvPrinter(csvOut(cmd.OutOrStdout()))
			}
			return s.reading(func(db *store.DB) error {
				if err := db.Query(cmd.Context(), args[0], p.header, p.row); err != nil {
					if errors.Is(err, store.ErrQuery) {
						return usageError{err}
					}
					return err
				}
				return p.close()
			})
		}}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document, a list of objects")
	cmd.Flags().BoolVar(&asCSV, "csv", false, "print CSV")
	return cmd
}

func tablePrinter(out io.Writer) printer {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(n int, text func(i int) string) error {
		for i := range n {
			end := "\t"
			if i == n-1 {
				end = "\n"
			}
			if _, err := fmt.Fprint(w, text(i), end); err != nil {
				return err
			}
		}
		return nil
	}
	return printer{
		header: func(columns []string) error {
			return line(len(columns), func(i int) string { return oneLine(columns[i]) })
		},
		row: func(values []any) error {
			return line(len(values), func(i int) string { return oneLine(export.Field(values[i])) })
		},
		close: w.Flush,
	}
}

// csvOut returns a writer that changes nothing, because other programs read CSV, unless out is a terminal.
func csvOut(out io.Writer) io.Writer {
	if isTerminal(out) {
		return out
	}
	return unescaped(out)
}

func csvPrinter(out io.Writer) printer {
	w := csv.NewWriter(out)
	return printer{
		header: w.Write,
		row: func(values []any) error {
			record := make([]string, len(values))
			for i, v := range values {
				record[i] = export.Field(v)
			}
			return w.Write(record)
		},
		close: func() error { w.Flush(); return w.Error() },
	}
}

// jsonPrinter prints one JSON object per row, with the keys in the order of the columns. JSON has no infinities, so
// infinities are printed as the strings "Infinity" and "-Infinity", as in an export.
func jsonPrinter(out io.Writer) printer {
	var keys [][]byte
	opening := "["
	return printer{
		header: func(columns []string) error {
			for _, c := range columns {
				key, err := json.Marshal(c)
				if err != nil {
					return err
				}
				keys = append(keys, key)
			}
			return nil
		},
		row: func(values []any) error {
			object, err := results.Object(keys, values)
			if err != nil {
				return err
			}
			_, err = out.Write(append([]byte(opening), object...))
			opening = ",\n "
			return err
		},
		close: func() error {
			if opening == "[" {
				_, err := fmt.Fprintln(out, "[]")
				return err
			}
			_, err := fmt.Fprintln(out, "]")
			return err
		},
	}
}
