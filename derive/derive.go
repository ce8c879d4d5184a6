// Package derive makes quantities of a run from its stored rows: what needs several layers or steps, and so is measured
// in no single pass. A quantity is one file, a pure function of rows, and one line of the registry.
package derive

import (
	"fmt"
	"slices"
	"strings"

	"github.com/outcrop-lab/outcrop/store"
)

// Need is a statistic that a quantity reads, at one site, or at every operator of a block where Site is "".
type Need struct{ Site, Statistic string }

// Quantity is derived from the rows of one run, as a table.
type Quantity struct {
	Name string
	// Formula and Source say in a line what is computed, and the arXiv id that it is taken from or a few words.
	Formula, Source string
	Unit            string // of the numbers that have no unit in their column's name
	Needs           []Need
	// Grows has it want rows of step 0, to compare with.
	Grows bool
	// Columns name what a row of Compute holds. Where the first is "step", rows stand by step, then layer.
	Columns []string
	// Compute gives rows of int, float64, string and bool cells, nil for what there is none of; a float64 may be NaN.
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

// All lists the quantities.
func All() []Quantity { return slices.Clone(quantities) }

// Names lists the quantities' names.
func Names() []string {
	names := make([]string, len(quantities))
	for i, q := range quantities {
		names[i] = q.Name
	}
	return names
}

// Lookup returns the quantity of that name.
func Lookup(name string) (Quantity, bool) {
	i := slices.Index(Names(), name)
	if i < 0 {
		return Quantity{}, false
	}
	return quantities[i], true
}

// Lacking is the error of a quantity whose rows a run lacks.
type Lacking struct {
	Run, Quantity string
	Needs         []Need // those without a row; none where step 0 alone lacks
}

// Error says what gets the rows.
func (e *Lacking) Error() string {
	if len(e.Needs) == 0 {
		return fmt.Sprintf("run %s: %s compares with step 0, of which there are no rows: name it in the sweep's "+
			"probe.every", short(e.Run), e.Quantity)
	}
	return fmt.Sprintf("run %s: %s needs %s: `%s` measures that at the kept checkpoints; named in the sweep's "+
		"probe.sites and probe.statistics, it is measured at every probed step",
		short(e.Run), e.Quantity, e.What(), e.Probe())
}

// What lists the statistics that are lacking, and where.
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

// Probe is the command that measures what is lacking, from the run's kept checkpoints; "" where that is step 0.
func (e *Lacking) Probe() string {
	if len(e.Needs) == 0 {
		return ""
	}
	var sites, statistics []string
	for _, n := range e.Needs {
		switch n.Site {
		case "":
			sites = append(sites, Operators...)
		case residPost: // the statistics of other sites take no choice
			sites = append(sites, n.Site)
		}
		statistics = append(statistics, n.Statistic)
	}
	slices.Sort(sites)
	command := "outcrop probe " + short(e.Run)
	if len(sites) > 0 {
		command += " --sites " + strings.Join(slices.Compact(sites), ",")
	}
	return command + " --statistics " + strings.Join(statistics, ",")
}

// Read reads the rows that a quantity needs of a run. Where a statistic has none, or step 0 that is wanted has none,
// the error is a *Lacking.
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

// Rows reads statistics of a run. It also returns those that have no row.
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

func short(id string) string { return id[:min(12, len(id))] }
