package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/outcrop-lab/outcrop/experiments/results"
	"github.com/outcrop-lab/outcrop/fit"
	"github.com/outcrop-lab/outcrop/plots"
	"github.com/outcrop-lab/outcrop/store"
	"github.com/outcrop-lab/outcrop/variant"
)

func fitCommand(s *preferences) *cobra.Command {
	asJSON, table, figure := false, "", ""
	var how results.Fitting
	cmd := &cobra.Command{Use: "fit", Short: "Fit emergence curves and their rivals to stored series or a table"}
	cmd.Args = arguments(cobra.NoArgs)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if figure != "" && table == "" {
			return usageError{errors.New("--figure draws the fits of a CSV table: give one by --csv " +
				"(outcrop plot draws a sweep's figures)")}
		}
		if err := how.Check(); err != nil {
			return usageError{fmt.Errorf("--%w", err)}
		}
		document := results.FitDocument{Fits: []results.FitRow{}, Across: results.NoneAcross()}
		if table != "" {
			if cmd.Flags().Changed("weights") {
				return usageError{errors.New("--weights: a CSV table holds no spread to weight by")}
			}
			columns, err := fitTable(table, how.Options)
			if err != nil {
				return err
			}
			document.Fits = columnRows(columns)
			if figure != "" {
				if err := plots.DrawColumns(figure, filepath.Base(table), columns); err != nil {
					return asInput(err)
				}
			}
		} else {
			if err := results.Refit(s.Results, how); err != nil {
				return err
			}
			if err := eachSweep(s, "", func(db *store.DB, sweep string) error {
				rows, err := results.FitRows(db, sweep)
				if err != nil {
					return err
				}
				document.Fits = append(document.Fits, rows...)
				return document.Add(db, sweep, rows)
			}); err != nil {
				return err
			}
		}
		if asJSON {
			return json.NewEncoder(cmd.OutOrStdout()).Encode(document)
		}
		if err := printFits(cmd.OutOrStdout(), document.Fits); err != nil {
			return err
		}
		return printAcross(cmd.OutOrStdout(), document.Across)
	}
	f := cmd.Flags()
	f.BoolVar(&asJSON, "json", false, "print one JSON document, with every parameter")
	f.StringVar(&table, "csv", "",
		"CSV table to fit: the first column is the step, each other one a series; lines that begin with # are skipped")
	f.StringVar(&figure, "figure", "", "with --csv: draw the table and its fits to this .svg or .png")
	fittingFlags(f, &how)
	return cmd
}

func fittingFlags(f *pflag.FlagSet, how *results.Fitting) {
	f.StringVar(&how.Loss, "loss", fit.LossSquares,
		"loss to minimise: "+strings.Join(fit.Losses(), " or ")+"; huber bounds the effect of a single point")
	f.StringVar(&how.Weights, "weights", results.WeightsSpread,
		"weights of the points: spread, by the standard error over the probe sequences if it is known, or equal")
	f.StringVar(&how.Interval, "interval", fit.IntervalProfile,
		"intervals of the parameters: "+strings.Join(fit.Intervals(), ", "))
	f.Uint64Var(&how.Seed, "interval-seed", 0, "seed of the bootstrap")
}

// columnRows lists the fits of a CSV table's columns.
func columnRows(columns []plots.Column) []results.FitRow {
	rows := []results.FitRow{}
	for _, c := range columns {
		for rank, r := range c.Fits {
			row := results.FitRowOf(results.StoredFit(store.Fit{Layer: -1}, r, rank == 0))
			row.Series = c.Name
			rows = append(rows, row)
		}
	}
	return rows
}

// asInput wraps err in a usageError if err contains a *variant.Error. It returns any other error unchanged.
func asInput(err error) error {
	var input *variant.Error
	if errors.As(err, &input) {
		return usageError{err}
	}
	return err
}

// fitTable fits every column of a CSV file.
func fitTable(path string, o fit.Options) ([]plots.Column, error) {
	header, values, err := readTable(path)
	if err != nil {
		return nil, usageError{err}
	}
	points := make([]fit.Points, len(header)-1)
	for j := range points {
		points[j] = fit.Points{T: values[0], Y: values[j+1]}
	}
	columns := make([]plots.Column, len(points))
	for j, fitted := range fit.Each(points, o) {
		if fitted.Err != nil {
			return nil, usageError{fmt.Errorf("%s: column %q: %w", path, header[j+1], fitted.Err)}
		}
		columns[j] = plots.Column{Name: header[j+1], Steps: values[0], Values: values[j+1], Fits: fitted.Results}
	}
	return columns, nil
}

// readTable reads a CSV file of numbers with a header line. It reads an empty cell as NaN.
func readTable(path string) (header []string, values [][]float64, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = file.Close() }()
	reader := csv.NewReader(file)
	reader.Comment = '#'
	if header, err = reader.Read(); err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(header) < 2 {
		return nil, nil, fmt.Errorf("%s: wants a header, a column of steps and at least one series", path)
	}
	values = make([][]float64, len(header))
	for {
		record, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return header, values, nil
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", path, err)
		}
		for j, text := range record {
			v, err := strconv.ParseFloat(text, 64)
			if err != nil {
				if text != "" {
					line, column := reader.FieldPos(j)
					return nil, nil, fmt.Errorf("%s:%d:%d: column %q: %q is not a number", path, line, column, header[j], text)
				}
				v = math.NaN()
			}
			values[j] = append(values[j], v)
		}
	}
}
