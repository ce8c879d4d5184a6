package table

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/outcrop-lab/outcrop/variant"
)

// steps lists what columns that count training are called, as plainName returns it, the best first: names in one row
// are equally good.
var steps = [][]string{
	{"step", "steps", "trainstep", "trainsteps", "trainingstep", "trainingsteps", "optimizerstep"},
	{"globalstep", "globalsteps"},
	{"_step"},
	{"iteration", "iterations", "iter", "iters", "it", "niter", "numiter"},
	{"update", "updates", "nupdates", "numupdates"},
	{"token", "tokens", "tokensseen", "ntokens", "numtokens", "traintokens", "trainingtokens", "consumedtokens"},
	{"samples", "examples", "sequences", "samplesseen", "consumedsamples", "nsamples"},
	{"epoch", "epochs"},
}

// clocks are names of columns that hold a time, and labels of columns that say whose value a row holds. A row's number
// is such a label too.
var (
	clocks = []string{"time", "walltime", "timestamp", "datetime", "date", "relativetime", "runtime", "elapsed", "created",
		"createdat"}
	labels = []string{"run", "runid", "runname", "rununiqueid", "runuuid", "experiment", "experimentid", "experimentname",
		"trial", "fold", "seed", "arm", "model", "group", "tag", "tags", "metric", "metricname", "key", "name", "variable",
		"series", "split", "phase", "site", "statistic", "layer", "block", "head", "idx", "index", "rownames", "unnamed"}
)

// plainName returns a name without what differs between tools: case, blanks, underscores, a unit in brackets, and what
// stands before a slash, so that "trainer/global_step" and "Global Step (updates)" come to "globalstep". A leading
// underscore stays.
func plainName(name string) string {
	name, _, _ = strings.Cut(name, "(")
	name, _, _ = strings.Cut(name, "[")
	name = strings.TrimSpace(name[strings.LastIndex(name, "/")+1:])
	plain := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, name)
	if strings.HasPrefix(name, "_") {
		return "_" + plain
	}
	return plain
}

// column is one column of a table, read as numbers.
type column struct {
	name    string // as the table has it, or made up
	unnamed bool   // though others have names
	plain   string
	values  []float64 // by row; NaN for a missing value and for what is not a number
	wrong   []bool    // by row: the cell is neither missing nor a number
	count   int       // of the numbers
	cell    func(row int) string
}

// columns reads a table's cells. A column without a name, or with the name of an earlier one, is named by its place.
func (t Text) columns() []column {
	all, seen := make([]column, len(t.Header)), map[string]bool{}
	mark := markOf(t.Rows, t.comma == ';')
	named := slices.ContainsFunc(t.Header, func(name string) bool { return name != "" })
	for j, name := range t.Header {
		c := column{name: name, plain: plainName(name), unnamed: named && name == "", values: make([]float64, len(t.Rows)),
			wrong: make([]bool, len(t.Rows)), cell: func(row int) string { return t.Rows[row].Cells[j] }}
		if name == "" {
			c.name = fmt.Sprintf("column %d", j+1)
		}
		for seen[c.name] {
			c.name = fmt.Sprintf("%s (column %d)", c.name, j+1)
		}
		seen[c.name] = true
		for i := range t.Rows {
			v, ok := mark.number(c.cell(i))
			if !ok {
				v = math.NaN()
			}
			if !math.IsNaN(v) {
				c.count++
			}
			c.values[i], c.wrong[i] = v, !ok
		}
		all[j] = c
	}
	return all
}

func (c column) numeric() bool { return c.count > 0 && !slices.Contains(c.wrong, true) }

// rank returns the row of steps that holds the column's name, or -1.
func (c column) rank() int {
	is := func(names []string) bool { return slices.Contains(names, c.plain) }
	if i := slices.IndexFunc(steps, is); i >= 0 {
		return i
	}
	c.plain = strings.TrimPrefix(c.plain, "_")
	return slices.IndexFunc(steps, is)
}

func (c column) clock() bool { return slices.Contains(clocks, strings.TrimPrefix(c.plain, "_")) }

func (c column) label() bool {
	return c.unnamed || slices.Contains(labels, strings.TrimPrefix(c.plain, "_"))
}

// falls reports whether a value of the column is smaller than one in an earlier row, or none differs.
func (c column) falls() bool {
	first, last := math.NaN(), math.NaN()
	for _, v := range c.values {
		if math.IsNaN(v) {
			continue
		}
		if v < last {
			return true
		}
		if math.IsNaN(first) {
			first = v
		}
		last = v
	}
	return !(last > first)
}

// rising reports whether the column counts: whole numbers, each larger than the one before.
func (c column) rising() bool {
	last := -1.0
	for _, v := range c.values {
		if !(v > last) || v != math.Trunc(v) {
			return false
		}
		last = v
	}
	return len(c.values) > 0
}

// find returns the index of the column of a name, or else of the place that the name counts from 1.
func (l *layout) find(name string) (int, error) {
	all := l.columns
	if i := slices.IndexFunc(all, func(c column) bool { return c.name == name }); i >= 0 {
		return i, nil
	}
	if n, err := strconv.Atoi(name); err == nil && n >= 1 && n <= len(all) {
		return n - 1, nil
	}
	return 0, fmt.Errorf("%s: %w", l.Name, variant.Unknown("column", name, namesOf(all)))
}

func namesOf(all []column) (names []string) {
	for _, c := range all {
		names = append(names, c.name)
	}
	return names
}

// ErrNoSteps means that it is not clear which column of a table holds the steps.
var ErrNoSteps = errors.New("which column holds the steps is not clear")

// stepColumn returns the index of the column that holds the steps: of those whose names are in steps, the best that
// never falls from row to row, or the best if all do. If there is none, it is a clock, or else the first column if that
// never falls. A first column without a name is taken only if no other one counts.
func (l *layout) stepColumn() (int, error) {
	all, chosen := l.columns, -1
	unclear := fmt.Errorf("%s: %w: the columns are %q", l.Name, ErrNoSteps, namesOf(all))
	better := func(i int) bool {
		a, b := all[i], all[chosen]
		if a.falls() != b.falls() {
			return b.falls()
		}
		return a.rank() < b.rank()
	}
	for i, c := range all {
		if c.rank() >= 0 && (c.count > 0 || len(c.values) == 0) && (chosen < 0 || better(i)) {
			chosen = i
		}
	}
	if chosen < 0 {
		return unnamedSteps(all, unclear)
	}
	for i, c := range all {
		if i != chosen && c.numeric() && c.rank() == all[chosen].rank() && c.falls() == all[chosen].falls() &&
			!slices.EqualFunc(c.values, all[chosen].values, same) {
			return 0, unclear
		}
	}
	return chosen, nil
}

// same reports whether two values are equal, or both missing.
func same(a, b float64) bool { return a == b || a != a && b != b }

func unnamedSteps(all []column, unclear error) (int, error) {
	if i := slices.IndexFunc(all, func(c column) bool { return c.clock() && c.numeric() }); i >= 0 {
		return i, nil
	}
	if first := all[0]; !first.numeric() || first.falls() && len(first.values) > 1 {
		return 0, unclear
	} else if first.label() && slices.ContainsFunc(all[1:], column.rising) {
		return 0, unclear
	}
	return 0, nil
}
