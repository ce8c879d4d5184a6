package main

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/outcrop-lab/outcrop/count"
	"github.com/outcrop-lab/outcrop/experiments/results"
	"github.com/outcrop-lab/outcrop/fit"
	"github.com/outcrop-lab/outcrop/plots"
	"github.com/outcrop-lab/outcrop/store"
	"github.com/outcrop-lab/outcrop/table"
)

// tabled says which table to fit instead of stored series.
type tabled struct {
	path, figure string
	choice       table.Choice
}

func tableFlags(f *pflag.FlagSet, t *tabled) {
	f.StringVar(&t.path, "csv", "", "table to fit, wide or long, of any tool: CSV, tabs or blanks; "+
		"lines that begin with # are skipped")
	f.StringVar(&t.choice.Step, "step-column", "", "with --csv: the column of steps, by its name or its place from 1 "+
		"(default: by its name, as step, global_step, iteration, tokens or epoch)")
	f.StringArrayVar(&t.choice.Series, "series", nil, "with --csv: fit only this series; * stands for any text; "+
		"may be repeated")
	f.BoolVar(&t.choice.NoHeader, "no-header", false, "with --csv: the first line holds numbers, not names")
	f.StringVar(&t.figure, "figure", "", "with --csv: draw the table and its fits to this .svg or .png")
}

// check refuses flags that do not go together.
func (t tabled) check(cmd *cobra.Command) error {
	if t.path != "" {
		if cmd.Flags().Changed("weights") {
			return usageError{errors.New("--weights: a CSV table holds no spread to weight by")}
		}
		return nil
	}
	if t.figure != "" {
		return usageError{errors.New("--figure draws the fits of a CSV table: give one by --csv " +
			"(outcrop plot draws a sweep's figures)")}
	}
	for _, name := range []string{"step-column", "series", "no-header"} {
		if cmd.Flags().Changed(name) {
			return usageError{fmt.Errorf("--%s says how to read a CSV table: give one by --csv", name)}
		}
	}
	return nil
}

// fit fits every series of the table, draws them if that is asked for, and adds them to the document. A series that
// cannot be fitted is left out, with a warning. It is an error if no series can be fitted, or not one of those that the
// user named.
func (t tabled) fit(s *preferences, o fit.Options, document *results.FitDocument) error {
	read, err := table.Read(t.path, t.choice)
	if err != nil {
		return usageError{hinted(err)}
	}
	for _, remark := range read.Remarks {
		s.log.Info(t.path + ": " + remark)
	}
	columns, failed := t.columns(read, o)
	if len(columns) == 0 || len(failed) > 0 && len(t.choice.Series) > 0 {
		return usageError{errors.Join(failed...)}
	}
	for _, err := range failed {
		s.log.Warn(err.Error() + ": left out")
		document.LeftOut = append(document.LeftOut, err.Error())
	}
	document.StepColumn, document.Fits = read.Step, columnRows(columns)
	if t.figure == "" {
		return nil
	}
	drawn, err := plots.DrawColumns(t.figure, filepath.Base(t.path), columns)
	if err != nil {
		return asInput(err)
	}
	document.Figure, document.Caption = t.figure, drawn.Caption
	s.warn(t.figure, drawn.Warning)
	return nil
}

// hinted adds to an error the flag that helps.
func hinted(err error) error {
	switch {
	case errors.Is(err, table.ErrNoHeader):
		return fmt.Errorf("%w: add a line of names, or say --no-header", err)
	case errors.Is(err, table.ErrNoSteps):
		return fmt.Errorf("%w: name it by --step-column", err)
	}
	return err
}

// columns fits every series, and says why it could not fit the others.
func (t tabled) columns(read table.Table, o fit.Options) (columns []plots.Column, failed []error) {
	var points []fit.Points
	for _, s := range read.Series {
		err := s.Err
		if n := distinctPoints(s); err == nil && n < leastPoints {
			err = fmt.Errorf("%s: column %q: too few points: %d, each step counted once; the curve has %s and "+
				"needs %d", t.path, s.Name, n, count.Of(leastPoints-1, "parameter"), leastPoints)
		}
		if err != nil {
			failed = append(failed, err)
			continue
		}
		columns = append(columns, plots.Column{Name: s.Name, Axis: read.Step, Steps: s.Steps, Values: s.Values})
		points = append(points, fit.Points{T: s.Steps, Y: s.Values})
	}
	fitted := columns[:0]
	for j, f := range fit.Each(points, o) {
		if f.Err != nil {
			// Each family fails for the same reason: one of them tells it.
			_, err := fit.Fit("emergence", points[j], o)
			failed = append(failed, fmt.Errorf("%s: column %q: %w", t.path, columns[j].Name, err))
			continue
		}
		columns[j].Fits = f.Results
		fitted = append(fitted, columns[j])
	}
	return fitted, failed
}

// leastPoints is the number of points at different steps that the emergence curve needs.
var leastPoints = len(fit.Params("emergence")) + 1

// distinctPoints returns the number of different steps at which a series has a value.
func distinctPoints(s table.Series) int {
	n, last := 0, math.NaN()
	for i, step := range s.Steps { // ascending
		if !math.IsNaN(s.Values[i]) && step != last {
			n, last = n+1, step
		}
	}
	return n
}

// columnRows lists the fits of a table's series.
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
