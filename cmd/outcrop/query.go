package main

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/outcrop-lab/outcrop/experiments/results"
	"github.com/outcrop-lab/outcrop/export"
	"github.com/outcrop-lab/outcrop/store"
)

// printer prints the rows of a query's result one by one.
type printer struct {
	header func(columns []string) error
	row    func(values []any) error
	flush  func() error // prints the rows that are still held
	close  func() error
}

func queryCommand(s *preferences) *cobra.Command {
	asJSON, asCSV := false, false
	cmd := &cobra.Command{Use: "query SQL", Short: "Print what a SELECT reads from the database; it is not changed",
		Long: `Print what a SELECT reads from the database, which is not changed. Rows are
printed as they are read. A table is aligned by its first 1,000 rows and cuts
values of more than 200 characters; --csv and --json print them whole.`,
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
					_ = p.flush() // of a query that is interrupted, the rows so far
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

// batch is the number of rows that the table printer holds; the first batch decides the widths of the columns.
const batch = 1000

// widest is the number of characters beyond which the table cuts a value. CSV and JSON hold it whole.
const widest = 200

// tablePrinter prints columns that are aligned as far as the first batch of rows tells their widths.
func tablePrinter(out io.Writer) printer {
	var held [][]string
	var widths []int
	flush := func() error {
		if widths == nil {
			widths = widthsOf(held)
		}
		w := bufio.NewWriter(out)
		for _, row := range held {
			for i, text := range row {
				_, _ = w.WriteString(text) // an error stays until Flush
				if i < len(row)-1 {
					_, _ = w.WriteString(strings.Repeat(" ", max(0, widths[i]-utf8.RuneCountInString(text))+2))
				}
			}
			_ = w.WriteByte('\n')
		}
		held = held[:0]
		return w.Flush()
	}
	return printer{
		header: func(columns []string) error {
			row := make([]string, len(columns))
			for i, c := range columns {
				row[i] = tableCell(c)
			}
			held = append(held, row)
			return nil
		},
		row: func(values []any) error {
			row := make([]string, len(values))
			for i, v := range values {
				row[i] = tableCell(v)
			}
			if held = append(held, row); len(held) <= batch {
				return nil
			}
			return flush()
		},
		flush: flush,
		close: flush,
	}
}

// widthsOf returns the number of characters of the longest cell of each column.
func widthsOf(rows [][]string) []int {
	widths := []int{}
	for _, row := range rows {
		for i, text := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(text))
		}
	}
	return widths
}

// tableCell writes a value on one line of a table, and cuts it after its first characters if it is huge.
func tableCell(value any) string {
	switch v := value.(type) { // what is cut anyway is not written out first
	case []byte:
		value = v[:min(len(v), widest)]
	case string:
		value = v[:min(len(v), widest*utf8.UTFMax)]
	}
	text := oneLine(export.Field(value))
	if utf8.RuneCountInString(text) <= widest {
		return text
	}
	return string([]rune(text)[:widest-1]) + "…"
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
	flush := func() error { w.Flush(); return w.Error() }
	return printer{
		header: w.Write,
		row: func(values []any) error {
			record := make([]string, len(values))
			for i, v := range values {
				record[i] = export.Field(v)
			}
			return w.Write(record)
		},
		flush: flush,
		close: flush,
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
		flush: func() error { return nil },
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
