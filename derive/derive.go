// Package derive computes a run's quantities from its stored rows: those that need several layers or steps, which no
// single pass can measure. A quantity is one file with a pure function of rows, and one line of the registry.
package derive

import (
	"fmt"
	"slices"
	"strings"

	"github.com/outcrop-lab/outcrop/store"
)

// Need is a statistic that a quantity reads, at one site, or at every operator of a block if Site is "".
type Need struct{ Site, Statistic string }

// Quantity is a table that is computed from the rows of one run.
type Quantity struct {
	Name string
	// Formula says in one line what is computed. Source is the arXiv id of its paper, or a few words.
	Formula, Source string
	Unit            string // of the numbers without a unit in their column's name
	Needs           []Need
	// Grows means that the quantity compares with step 0 and needs its rows.
	Grows bool
	// Columns names the cells of Compute's rows. If the first is "step", the rows are sorted by step, then layer.
	Columns []string
	// Compute returns rows of int, float64, string and bool cells, and nil for a missing value. A float64 may be NaN.
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

// Lookup returns the quantity of that name, and whether there is one.
func Lookup(name string) (Quantity, bool) {
	i := slices.Index(Names(), name)
	if i < 0 {
		return Quantity{}, false
	}
	return quantities[i], true
}

// Lacking is the error for a run that lacks rows that a quantity needs.
type Lacking struct {
	Run, Quantity string
	Needs         []Need // the needs without a row; empty if only step 0 is missing
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

// What lists the missing statistics and their sites.
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

// Read reads the rows of a run that a quantity needs. If a statistic has no rows, or step 0 is needed and has none, the
// error is a *Lacking.
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

// Rows reads the needed statistics of a run. It also returns the needs that have no row.
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
