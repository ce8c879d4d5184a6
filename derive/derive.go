// Package derive computes quantities of a run from its stored rows. These quantities need several layers or steps, so
// no single pass can measure them. Each quantity has a file with a pure function of rows, and one line in the
// registry.
package derive

import (
	"fmt"
	"slices"
	"strings"

	"github.com/outcrop-lab/outcrop/store"
)

// Need is a statistic that a quantity reads at one site. If Site is "", the quantity reads it at every operator of a
// block.
type Need struct{ Site, Statistic string }

// Quantity is a table computed from the rows of one run.
type Quantity struct {
	Name string
	// Formula says in one line what is computed. Source is the arXiv id of the paper that defines the quantity, or a few
	// words.
	Formula, Source string
	Unit            string // unit of the numbers in columns whose names do not state a unit
	Needs           []Need
	// Grows is true if the quantity compares later steps with step 0, and so needs the rows of step 0.
	Grows bool
	// Columns names the cells of the rows that Compute returns. If the first column is "step", these rows are sorted by
	// step, then layer.
	Columns []string
	// Compute returns the table's rows. Each cell is an int, a float64, a string or a bool, or nil if the value is
	// missing. A float64 may be NaN.
	Compute func(rows []Row) [][]any
}

var quantities = []Quantity{
	mAct,
	fAttn,
	layerSinkRate,
	firstCrossing,
	firstGrowth,
	phases,
	bosEntropyCorrelation,
	bosSinkCorrelation,
	channelStability,
	positionStability,
	tokenStability,
	sinkStability,
	superWeights,
}

// All returns the quantities in the order of the registry.
func All() []Quantity { return slices.Clone(quantities) }

// Names returns the names of the quantities in the order of the registry.
func Names() []string {
	names := make([]string, len(quantities))
	for i, q := range quantities {
		names[i] = q.Name
	}
	return names
}

// Lookup returns the quantity with the given name, and whether it exists.
func Lookup(name string) (Quantity, bool) {
	i := slices.Index(Names(), name)
	if i < 0 {
		return Quantity{}, false
	}
	return quantities[i], true
}

// Lacking is the error returned if a run lacks rows that a quantity needs.
type Lacking struct {
	Run, Quantity string
	Needs         []Need // the needs that have no rows; empty if only step 0 is missing
}

// Error says which rows are missing and how to get them.
func (e *Lacking) Error() string {
	if len(e.Needs) == 0 {
		return fmt.Sprintf("run %s: %s compares with step 0, which has no rows: add it to the sweep's probe.every",
			store.Short(e.Run), e.Quantity)
	}
	return fmt.Sprintf("run %s: %s needs %s: `%s` measures it at the kept checkpoints; to measure it at every probed "+
		"step, add it to the sweep's probe.sites and probe.statistics", store.Short(e.Run), e.Quantity, e.What(), e.Probe())
}

// What returns the missing statistics with their sites, or "step 0" if only step 0 is missing.
func (e *Lacking) What() string {
	if len(e.Needs) == 0 {
		return "step 0"
	}
	var what []string
	for _, n := range e.Needs {
		site := n.Site
		if site == "" {
			site = "any operator"
		}
		what = append(what, n.Statistic+" at "+site)
	}
	return strings.Join(what, ", ")
}

// Probe returns the command that measures the missing statistics at the run's kept checkpoints, or "" if only step 0 is
// missing.
func (e *Lacking) Probe() string {
	if len(e.Needs) == 0 {
		return ""
	}
	var sites, statistics []string
	for _, n := range e.Needs {
		switch n.Site {
		case "":
			sites = append(sites, Operators...)
		case residPost: // the statistics of other sites have a fixed site
			sites = append(sites, n.Site)
		}
		statistics = append(statistics, n.Statistic)
	}
	slices.Sort(sites)
	command := "outcrop probe " + store.Short(e.Run)
	if len(sites) > 0 {
		command += " --sites " + strings.Join(slices.Compact(sites), ",")
	}
	return command + " --statistics " + strings.Join(statistics, ",")
}

// Read returns the rows of a run that a quantity needs. It returns a *Lacking if a needed statistic has no rows, or if
// the quantity needs step 0 and no row is of step 0.
func Read(db *store.DB, run string, q Quantity) ([]Row, error) {
	rows, lacking, err := Rows(db, run, q.Needs...)
	if err != nil {
		return nil, err
	}
	if len(lacking) > 0 || q.Grows && !slices.ContainsFunc(rows, func(r Row) bool { return r.Step == 0 }) {
		return nil, &Lacking{run, q.Name, lacking}
	}
	return rows, nil
}

// Rows returns the rows of a run that the needs select. It also returns the needs that have no rows.
func Rows(db *store.DB, run string, needs ...Need) (rows []Row, lacking []Need, err error) {
	for _, need := range needs {
		series, err := db.Series(store.Select{Run: run, Site: need.Site, Statistic: need.Statistic})
		if err != nil {
			return nil, nil, err
		}
		for _, s := range series {
			for i, step := range s.Steps {
				rows = append(rows, Row{step, s.Site, s.Statistic, s.Layer, s.Head, s.Idx, s.Values[i]})
			}
		}
		if len(series) == 0 {
			lacking = append(lacking, need)
		}
	}
	return rows, lacking, nil
}
