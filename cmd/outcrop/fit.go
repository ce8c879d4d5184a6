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
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/outcrop-lab/outcrop/experiments"
	"github.com/outcrop-lab/outcrop/fit"
	"github.com/outcrop-lab/outcrop/plots"
	"github.com/outcrop-lab/outcrop/store"
	"github.com/outcrop-lab/outcrop/variant"
)

// number is a float64 that JSON writes as null where it is not finite.
type number float64

// MarshalJSON implements json.Marshaler.
func (n number) MarshalJSON() ([]byte, error) {
	if f := float64(n); math.IsNaN(f) || math.IsInf(f, 0) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

// fitRow is one fitted series, as printed.
type fitRow struct {
	Arm     string            `json:"arm,omitempty"`
	Seed    uint64            `json:"seed"`
	Run     string            `json:"run,omitempty"`
	Series  string            `json:"series"`
	Layer   int               `json:"layer"`
	Family  string            `json:"family"`
	Best    bool              `json:"best"`
	Params  map[string]number `json:"params"`
	N       int               `json:"n"`
	R2      number            `json:"r2"`
	AICc    number            `json:"aicc"`
	TPeak   number            `json:"t_peak"`
	Regime  string            `json:"regime"`
	Message string            `json:"message"`
}

func fitCommand(s *settings) *cobra.Command {
	asJSON, table, figure := false, "", ""
	cmd := &cobra.Command{Use: "fit", Short: "Fit the emergence curve and its rivals, to the database's series or to a CSV table", Args: arguments(cobra.NoArgs), RunE: func(cmd *cobra.Command, _ []string) error {
		rows := []fitRow{}
		if figure != "" && table == "" {
			return usageError{errors.New("--figure draws the fits of a table: name one with --csv (a sweep's figures come from outcrop plot)")}
		}
		if table != "" {
			columns, err := fitTable(table)
			if err != nil {
				return err
			}
			for _, c := range columns {
				for rank, r := range c.Fits {
					rows = append(rows, fitRow{Series: c.Name, Layer: -1, Family: r.Family, Best: rank == 0, Params: numbers(r.Params), N: r.N,
						R2: number(r.R2), AICc: number(r.AICc), TPeak: number(r.TPeak), Regime: r.Regime, Message: r.Message})
				}
			}
			if figure != "" {
				if err := plots.DrawColumns(figure, filepath.Base(table), columns); err != nil {
					return asInput(err)
				}
			}
		} else {
			if err := experiments.Refit(s.Results); err != nil {
				return err
			}
			if err := eachSweep(s, "", func(db *store.DB, sweep string) error {
				more, err := fitRows(db, sweep)
				rows = append(rows, more...)
				return err
			}); err != nil {
				return err
			}
		}
		if asJSON {
			return json.NewEncoder(cmd.OutOrStdout()).Encode(rows)
		}
		return printFits(cmd.OutOrStdout(), rows)
	}}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	cmd.Flags().StringVar(&table, "csv", "", "a table: its first column the step, each other one a series; lines that begin with # are left out")
	cmd.Flags().StringVar(&figure, "figure", "", "with --csv: draw the table and its fits into this .svg or .png")
	return cmd
}

// fitRows lists the stored fits of a sweep's runs.
func fitRows(db *store.DB, sweep string) ([]fitRow, error) {
	runs, err := db.RunsOf(sweep)
	if err != nil {
		return nil, err
	}
	var rows []fitRow
	for _, m := range runs {
		fits, err := db.Fits(store.Select{Run: m.Run.ID})
		if err != nil {
			return nil, err
		}
		for _, f := range fits {
			rows = append(rows, fitRow{Arm: m.Member.Arm, Seed: m.Member.Seed, Run: m.Run.ID, Series: f.Site + "/" + f.Statistic, Layer: f.Layer,
				Family: f.Family, Best: f.Best, Params: numbers(f.Params), N: f.N, R2: number(f.R2), AICc: number(f.AICc), TPeak: number(f.TPeak),
				Regime: f.Regime, Message: f.Message})
		}
	}
	return rows, nil
}

func numbers(params map[string]float64) map[string]number {
	out := map[string]number{}
	for name, v := range params {
		out[name] = number(v)
	}
	return out
}

// printFits prints the emergence curve of each series and which family describes it best.
func printFits(out io.Writer, rows []fitRow) error {
	best := map[string]string{}
	key := func(r fitRow) string { return fmt.Sprint(r.Arm, "\x00", r.Run, "\x00", r.Series, "\x00", r.Layer) }
	for _, r := range rows {
		if r.Best {
			best[key(r)] = r.Family
		}
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "arm\tseed\tseries\tlayer\tA\tlambda\tgamma\tt0\tK\tR^2\tt_peak\tregime\tbest family\tremarks")
	for _, r := range rows {
		if r.Family != "emergence" {
			continue
		}
		p := r.Params
		_, _ = fmt.Fprintf(w, "%s\t%d\t%s\t%d\t%.4g\t%.4g\t%.4g\t%.4g\t%.4g\t%.4f\t%.5g\t%s\t%s\t%s\n", r.Arm, r.Seed, r.Series, r.Layer,
			float64(p["A"]), float64(p["lambda"]), float64(p["gamma"]), float64(p["t0"]), float64(p["K"]), float64(r.R2), float64(r.TPeak), r.Regime, best[key(r)], r.Message)
	}
	return w.Flush()
}

// asInput makes a *variant.Error a fault of the command line.
func asInput(err error) error {
	var input *variant.Error
	if errors.As(err, &input) {
		return usageError{err}
	}
	return err
}

// fitTable fits every column of a CSV file.
func fitTable(path string) ([]plots.Column, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, usageError{err}
	}
	defer func() { _ = file.Close() }()
	reader := csv.NewReader(file)
	reader.Comment = '#'
	header, err := reader.Read()
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, usageError{fmt.Errorf("%s: %w", path, err)}
	}
	if len(header) < 2 {
		return nil, usageError{fmt.Errorf("%s: wants a header, a column of steps and at least one series", path)}
	}
	values := make([][]float64, len(header))
	for {
		record, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, usageError{fmt.Errorf("%s: %w", path, err)}
		}
		for j, text := range record {
			v, err := strconv.ParseFloat(text, 64)
			if err != nil {
				if text != "" {
					line, column := reader.FieldPos(j)
					return nil, usageError{fmt.Errorf("%s:%d:%d: column %q: %q is not a number", path, line, column, header[j], text)}
				}
				v = math.NaN()
			}
			values[j] = append(values[j], v)
		}
	}
	var columns []plots.Column
	for j, name := range header[1:] {
		results, err := fit.All(values[0], values[j+1])
		if err != nil {
			return nil, usageError{fmt.Errorf("%s: column %q: %w", path, name, err)}
		}
		columns = append(columns, plots.Column{Name: name, Steps: values[0], Values: values[j+1], Fits: results})
	}
	return columns, nil
}
