// Package table reads tables of measurements as people's tools write them: series over the steps of a training.
//
// # What a table may look like
//
// A table is text in UTF-8, in UTF-16 with a byte order mark, or in Windows-1252. Empty lines and lines that begin with
// # are skipped. Cells are separated by commas, semicolons, tabs, bars or blanks: by what explains the lines best, or
// what a first line "sep=;" names. They may stand in quotation marks (RFC 4180). The first line holds the columns'
// names. If it holds numbers, the names may stand in the comment before it.
//
// A missing value is an empty cell or one of the usual words, such as NA, NaN, null, None or inf, in any case. The
// decimal mark is a point or a comma; what it is shows in the cells. A row may lack its last cells.
//
// In a wide table, each column is a series. In a long one, columns such as run, tag or metric say whose value a row
// holds, and there is a series for each combination of what they hold.
//
// The column of steps is known by its name, in any case and with blanks or underscores: step, global_step, _step,
// iteration, update, tokens, samples, epoch, in this order. A column that falls from row to row, because it counts
// anew in each epoch, gives way to one that does not. Without such a name it is a clock, or else the first column if
// that never falls.
package table

import (
	"fmt"
	"io"
	"os"
	"slices"
)

// Choice says what to take from a table. The zero value finds it.
type Choice struct {
	Step     string   // name of the column of steps, or its place, counted from 1
	Series   []string // names of the series, in which * stands for any text; none means every measurement
	NoHeader bool     // the first line holds numbers, and the columns are called "column 1", "column 2" …
}

// Table is a table's series over its steps.
type Table struct {
	Step    string // name of the column of steps
	Series  []Series
	Remarks []string // what was read otherwise than it stands there, and what was left out because it is no measurement
}

// Series is one series, in the order of its steps. Values holds NaN where a value is missing.
type Series struct {
	Name          string
	Steps, Values []float64
	Err           error // why it holds no points, with its place
}

// Read reads the table of a file. An error in the table begins with its place.
func Read(path string, c Choice) (Table, error) {
	file, err := os.Open(path)
	if err != nil {
		return Table{}, err
	}
	defer func() { _ = file.Close() }()
	return From(path, file, c)
}

// From reads a table. name names it in messages.
func From(name string, from io.Reader, c Choice) (Table, error) {
	text, err := ReadText(name, from, !c.NoHeader)
	if err != nil {
		return Table{}, err
	}
	return text.series(c)
}

// series reads the cells as series.
func (t Text) series(c Choice) (Table, error) {
	l := layout{Text: t, columns: t.columns()}
	var err error
	if c.Step == "" {
		l.step, err = l.stepColumn()
	} else {
		l.step, err = l.find(c.Step)
	}
	if err != nil {
		return Table{}, err
	}
	steps := l.columns[l.step]
	if at := slices.Index(steps.wrong, true); at >= 0 {
		return Table{}, fmt.Errorf("%w, but it holds the steps", l.notNumber(at, l.step))
	}
	l.findRows()
	l.findKeys()
	all := l.split()
	chosen, err := l.choose(all, c.Series)
	if err != nil {
		return Table{}, err
	}
	l.Remarks = append(l.Remarks, ordered(chosen)...)
	return Table{Step: steps.name, Series: chosen, Remarks: l.Remarks}, nil
}
