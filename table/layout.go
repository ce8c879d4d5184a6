package table

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/outcrop-lab/outcrop/count"
	"github.com/outcrop-lab/outcrop/variant"
)

// layout says what the rows and columns of a table are.
type layout struct {
	Text
	columns []column
	step    int   // the column of steps
	rows    []int // those that have a step
	keys    []int // the columns that say whose value a row holds
}

// candidate is a series that may be chosen. measures is false for a clock, a label and another count of the rows.
type candidate struct {
	Series
	column   string
	measures bool
}

// notNumber is the error of a cell that is not a number.
func (l *layout) notNumber(row, column int) error {
	c := l.columns[column]
	return fmt.Errorf("%s: column %q: %q is not a number", l.Place(l.Rows[row], column), c.name, c.cell(row))
}

// findRows takes the rows that have a step.
func (l *layout) findRows() {
	steps, first := l.columns[l.step], 0
	for i, v := range steps.values {
		if !math.IsNaN(v) {
			l.rows = append(l.rows, i)
		} else if first == 0 {
			first = l.Rows[i].Line
		}
	}
	if n := len(l.Rows) - len(l.rows); n > 0 {
		l.Remarks = append(l.Remarks, fmt.Sprintf("%d of %s %s no step in column %q, first line %d: left out", n,
			count.Of(len(l.Rows), "row"), count.Agree(n, "has", "have"), steps.name, first))
	}
}

// findKeys takes as keys the columns of text whose names say that they are labels. If steps still repeat, it adds
// labels that are numbers, such as a seed or a layer, and then other columns of text if no step repeats with them.
func (l *layout) findKeys() {
	var numbers, others []int
	for j, c := range l.columns {
		n := l.distinct(j)
		few := 2*n <= len(l.rows) // otherwise it is a row's own number or time
		switch text := slices.Contains(c.wrong, true); {
		case j == l.step || n < 2 || c.clock() || c.unnamed:
		case text && c.label():
			l.keys = append(l.keys, j)
		case !text && c.label() && few:
			numbers = append(numbers, j)
		case text && c.count == 0 && few:
			others = append(others, j)
		}
	}
	if l.repeats(l.keys) > 0 {
		l.keys = append(l.keys, numbers...)
	}
	if with := slices.Concat(l.keys, others); l.repeats(l.keys) > 0 && l.repeats(with) == 0 {
		l.keys = with
	}
	slices.Sort(l.keys)
}

// distinct returns how many different cells a column has in the rows.
func (l *layout) distinct(column int) int {
	seen := map[string]struct{}{}
	for _, i := range l.rows {
		seen[l.columns[column].cell(i)] = struct{}{}
	}
	return len(seen)
}

// repeats returns how many rows have the keys and the step of an earlier row.
func (l *layout) repeats(keys []int) int {
	type place struct {
		group string
		step  float64
	}
	seen := map[place]struct{}{}
	for _, i := range l.rows {
		seen[place{l.group(keys, i), l.columns[l.step].values[i]}] = struct{}{}
	}
	return len(l.rows) - len(seen)
}

// group returns what a row's keys hold, with a zero byte between two of them. A number follows its column's name.
func (l *layout) group(keys []int, row int) string {
	parts := make([]string, len(keys))
	for k, j := range keys {
		switch c := l.columns[j]; {
		case c.cell(row) == "":
			parts[k] = "no " + c.name
		case math.IsNaN(c.values[row]):
			parts[k] = c.cell(row)
		default:
			parts[k] = c.name + " " + c.cell(row)
		}
	}
	return strings.Join(parts, "\x00")
}

// split returns the series of every column but the steps and the keys, one for each group of rows.
func (l *layout) split() (all []candidate) {
	var names []string
	groups := map[string][]int{}
	for _, i := range l.rows {
		name := l.group(l.keys, i)
		if groups[name] == nil {
			names = append(names, name)
		}
		groups[name] = append(groups[name], i)
	}
	measured, seen := l.measurements(), map[string]bool{}
	numbers := slices.DeleteFunc(slices.Clone(measured), func(j int) bool { return l.columns[j].count == 0 })
	add := func(j int, name string, rows []int) {
		name = strings.ReplaceAll(name, "\x00", "/")
		for seen[name] {
			name += "′"
		}
		seen[name] = true
		all = append(all, candidate{l.of(j, name, rows), l.columns[j].name, slices.Contains(measured, j)})
	}
	for j, c := range l.columns {
		switch {
		case j == l.step || slices.Contains(l.keys, j):
		case c.count == 0 || len(names) < 2:
			add(j, c.name, l.rows)
		default:
			for _, name := range names {
				full := name + "/" + c.name
				if len(numbers) == 1 && numbers[0] == j {
					full = name
				}
				add(j, full, groups[name])
			}
		}
	}
	return all
}

// measurements returns the columns that hold measurements: neither steps nor labels nor clocks, unless there is nothing
// else.
func (l *layout) measurements() (measured []int) {
	var rest []int
	for j, c := range l.columns {
		switch {
		case j == l.step || slices.Contains(l.keys, j):
		case c.count > 0 && (c.rank() >= 0 || c.clock() || c.label()), c.count == 0 && !c.unnamed && c.label():
			rest = append(rest, j)
		default:
			measured = append(measured, j)
		}
	}
	if !slices.ContainsFunc(measured, func(j int) bool { return l.columns[j].count > 0 }) {
		measured = append(measured, rest...)
	}
	return measured
}

// of returns a column's series in some rows.
func (l *layout) of(column int, name string, rows []int) Series {
	s, c, values := Series{Name: name}, l.columns[column], 0
	for _, i := range rows {
		if c.wrong[i] {
			return Series{Name: name, Err: l.notNumber(i, column)}
		}
		if !math.IsNaN(c.values[i]) {
			values++
		}
		s.Steps, s.Values = append(s.Steps, l.columns[l.step].values[i]), append(s.Values, c.values[i])
	}
	if values == 0 {
		return Series{Name: name, Err: fmt.Errorf("%s: column %q: holds no number", l.Name, name)}
	}
	return s
}

// choose returns the series whose names match one of the patterns, or every measurement if there are no patterns.
func (l *layout) choose(all []candidate, patterns []string) (chosen []Series, err error) {
	var names, rest []string
	for _, c := range all {
		if c.measures {
			names = append(names, c.Name)
		} else if name := strconv.Quote(c.column); !slices.Contains(rest, name) {
			rest = append(rest, name)
		}
	}
	if len(patterns) == 0 && len(rest) > 0 {
		l.Remarks = append(l.Remarks, "no series, because a clock, a label or another count of the rows by its name: "+
			strings.Join(rest, ", "))
	}
	matched := make([]bool, len(patterns))
	for _, c := range all {
		take := len(patterns) == 0 && c.measures
		for i, pattern := range patterns {
			if matches(pattern, c.Name) {
				take, matched[i] = true, true
			}
		}
		if take {
			chosen = append(chosen, c.Series)
		}
	}
	if i := slices.Index(matched, false); i >= 0 {
		return nil, fmt.Errorf("%s: %w", l.Name, variant.Unknown("series", patterns[i], names))
	}
	return chosen, nil
}

// matches reports whether a name is a pattern's text, in which * stands for any text.
func matches(pattern, name string) bool {
	part, rest, more := strings.Cut(pattern, "*")
	if !more {
		return part == name
	}
	name, ok := strings.CutPrefix(name, part)
	for ok {
		if part, rest, more = strings.Cut(rest, "*"); !more {
			return strings.HasSuffix(name, part)
		}
		_, name, ok = strings.Cut(name, part)
	}
	return false
}

// ordered puts every series in the order of its steps, and says which were not and which hold a step twice.
func ordered(all []Series) (remarks []string) {
	var moved, repeated []string
	for k := range all {
		s := &all[k]
		order := make([]int, len(s.Steps))
		for i := range order {
			order[i] = i
		}
		if !slices.IsSorted(s.Steps) {
			moved = append(moved, s.Name)
			slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(s.Steps[a], s.Steps[b]) })
		}
		steps, values := make([]float64, len(order)), make([]float64, len(order))
		for i, from := range order {
			steps[i], values[i] = s.Steps[from], s.Values[from]
		}
		s.Steps, s.Values = steps, values
		if s.repeats() {
			repeated = append(repeated, s.Name)
		}
	}
	if len(moved) > 0 {
		remarks = append(remarks, "put in the order of the steps: "+listed(moved))
	}
	if len(repeated) > 0 {
		remarks = append(remarks, "steps that repeat, of which every row is a point: "+listed(repeated))
	}
	return remarks
}

// repeats reports whether a step has two values.
func (s Series) repeats() bool {
	last := math.NaN()
	for i, step := range s.Steps {
		if math.IsNaN(s.Values[i]) {
			continue
		}
		if step == last {
			return true
		}
		last = step
	}
	return false
}

// listed quotes the first of some names, and says how many others there are.
func listed(names []string) string {
	if len(names) == 1 {
		return fmt.Sprintf("%q", names[0])
	}
	return fmt.Sprintf("%q and %d more", names[0], len(names)-1)
}
