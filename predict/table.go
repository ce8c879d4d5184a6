package predict

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/outcrop-lab/outcrop/fit"
	"github.com/outcrop-lab/outcrop/plain"
	"github.com/outcrop-lab/outcrop/store"
	"github.com/outcrop-lab/outcrop/table"
)

// Table is a predictor's training data: architectures, and the emergence curves fitted to the layers of their runs.
type Table struct {
	Archs []Trained
	Rows  []Row
}

// Trained is an architecture of the table. Config is its resolved configuration in JSON, without the settings that Arch
// leaves out.
type Trained struct {
	Name, Config string
	Arch
}

// Row is the emergence curve fitted to one layer of one run, that is, to the layer's series of the statistic ratio_mean
// at the block's output.
type Row struct {
	Arm   int // index of Table.Archs
	Seed  uint64
	Run   string // the first twelve characters of the run's id
	Layer int    // counted from 0
	// Params holds the five parameters of the curve, and beta = lambda gamma.
	Params       map[string]float64
	Undetermined []string // the parameters that the series does not determine
	Regime       string
	R2           float64
	Last         int // step of the last point
}

// paramNames are the keys of Row.Params.
var paramNames = append(fit.Params("emergence"), "beta")

// The series that the predictor forecasts.
const (
	site      = "resid_post"
	statistic = "ratio_mean"
)

// Collect reads a sweep's table from a results database. It leaves out series without a fit, and runs that are not
// done; left is the number of these runs.
func Collect(db *store.DB, sweep string) (t Table, left int, err error) {
	runs, err := db.RunsOf(sweep)
	if err != nil {
		return Table{}, 0, err
	}
	if len(runs) == 0 {
		return Table{}, 0, fmt.Errorf("predict: the database has no sweep %s", sweep)
	}
	for _, m := range runs {
		if m.Run.Status != "done" {
			left++
			continue
		}
		arm := slices.IndexFunc(t.Archs, func(a Trained) bool { return a.Name == m.Member.Arm })
		if arm < 0 {
			a, err := trained(m.Member.Arm, m.Run.Config)
			if err != nil {
				return Table{}, 0, err
			}
			arm, t.Archs = len(t.Archs), append(t.Archs, a)
		}
		fits, err := db.Fits(store.Select{Run: m.Run.ID, Site: site, Statistic: statistic})
		if err != nil {
			return Table{}, 0, err
		}
		for _, f := range fits {
			if f.Family == "emergence" {
				t.Rows = append(t.Rows, rowOf(f, arm, m.Run))
			}
		}
	}
	return t, left, nil
}

// trained parses a configuration and removes the settings that the predictor does not see.
func trained(name, config string) (Trained, error) {
	a, err := ParseArch(config)
	if err != nil {
		return Trained{}, err
	}
	var tree map[string]json.RawMessage
	if err := json.Unmarshal([]byte(config), &tree); err != nil {
		return Trained{}, plain.JSON([]byte(config), err)
	}
	for _, key := range []string{"seed", "probe", "checkpoint"} {
		delete(tree, key)
	}
	text, err := json.Marshal(tree)
	return Trained{name, string(text), a}, err
}

// rowOf converts a stored fit. beta is undetermined if its interval has an open end.
func rowOf(f store.Fit, arm int, run store.Run) Row {
	r := Row{Arm: arm, Seed: run.Seed, Run: fmt.Sprintf("%.12s", run.ID), Layer: f.Layer, Params: map[string]float64{},
		Undetermined: slices.Clone(f.Undetermined), Regime: f.Regime, R2: f.R2, Last: run.Steps}
	for _, name := range fit.Params("emergence") {
		r.Params[name] = f.Params[name]
	}
	r.Params["beta"] = f.Params["lambda"] * f.Params["gamma"]
	if i, ok := f.Intervals["beta"]; !ok || math.IsInf(i[0], 0) || math.IsInf(i[1], 0) {
		r.Undetermined = append(r.Undetermined, "beta")
	}
	return r
}

var (
	archHeader = []string{"arm", "config"}
	fitHeader  = slices.Concat([]string{"arm", "seed", "run", "layer"}, paramNames,
		[]string{"undetermined", "regime", "r2", "last"})
)

// Write writes the architectures and the fits, each as a CSV file.
func (t Table) Write(archs, fits io.Writer) error {
	a, f := csv.NewWriter(archs), csv.NewWriter(fits)
	_ = a.Write(archHeader) // Error returns the first error, at the end
	_ = f.Write(fitHeader)
	for _, x := range t.Archs {
		_ = a.Write([]string{x.Name, x.Config})
	}
	for _, r := range t.Rows {
		line := []string{t.Archs[r.Arm].Name, strconv.FormatUint(r.Seed, 10), r.Run, strconv.Itoa(r.Layer)}
		for _, name := range paramNames {
			line = append(line, number(r.Params[name]))
		}
		_ = f.Write(append(line, strings.Join(r.Undetermined, " "), r.Regime, number(r.R2), strconv.Itoa(r.Last)))
	}
	a.Flush()
	f.Flush()
	return errors.Join(a.Error(), f.Error())
}

// Read reads a table from the files that Write wrote.
func Read(archs, fits io.Reader) (Table, error) {
	var t Table
	index := map[string]int{}
	err := eachLine(archs, "architectures", archHeader, func(line []string) error {
		a, err := trained(line[0], line[1])
		if _, twice := index[line[0]]; twice && err == nil {
			err = fmt.Errorf("architecture %s is listed twice", line[0])
		}
		index[line[0]] = len(t.Archs)
		t.Archs = append(t.Archs, a)
		return err
	})
	if err != nil {
		return Table{}, fmt.Errorf("predict: reading %w", err)
	}
	err = eachLine(fits, "fits", fitHeader, func(line []string) error {
		arm, ok := index[line[0]]
		if !ok {
			return fmt.Errorf("a fit of architecture %s, which is not in the list of architectures", line[0])
		}
		r, failed := Row{Arm: arm, Run: line[2], Params: map[string]float64{}}, error(nil)
		parse := func(text string) float64 {
			x, err := strconv.ParseFloat(text, 64)
			failed = errors.Join(failed, err)
			return x
		}
		whole := func(text string) int {
			n, err := strconv.Atoi(text)
			failed = errors.Join(failed, err)
			return n
		}
		r.Seed, failed = strconv.ParseUint(line[1], 10, 64)
		r.Layer = whole(line[3])
		for i, name := range paramNames {
			r.Params[name] = parse(line[4+i])
		}
		rest := line[4+len(paramNames):]
		r.Undetermined, r.Regime, r.R2, r.Last = strings.Fields(rest[0]), rest[1], parse(rest[2]), whole(rest[3])
		t.Rows = append(t.Rows, r)
		return failed
	})
	if err != nil {
		return Table{}, fmt.Errorf("predict: reading %w", err)
	}
	return t, nil
}

// eachLine checks the header of a table and calls f for each row.
func eachLine(from io.Reader, name string, header []string, f func(cells []string) error) error {
	t, err := table.ReadText(name, from, true)
	if err != nil {
		return err
	}
	if !slices.Equal(t.Header, header) {
		return fmt.Errorf("%s: the header is %q, want %q", name, t.Header, header)
	}
	for _, r := range t.Rows {
		if err := f(r.Cells); err != nil {
			return fmt.Errorf("%s, line %d: %w", name, r.Line, err)
		}
	}
	return nil
}

// evaluate returns the row's curve at a step. It is at least 1, because a largest value is never below the median.
func (r Row) evaluate(step float64) float64 {
	return max(1, fit.Eval(fit.Result{Family: "emergence", Params: r.Params}, step))
}
