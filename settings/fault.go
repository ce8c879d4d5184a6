package settings

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// maxFaults is the number of faults that a message shows.
const maxFaults = 10

// Fault is one mistake in an input file. Line and Column count from 1; they are 0 if the place is not known.
type Fault struct {
	File         string
	Line, Column int
	// Key is the dotted key, such as "base.arch.heads"; "" for the file as a whole.
	Key     string
	Message string
	// Extended is ", extended by FILE:LINE:COLUMN" for each file between this one and the sweep; "" in the sweep itself.
	Extended string
}

// String returns the fault in one line: "FILE:LINE:COLUMN: KEY: message (extended by …)".
func (f Fault) String() string {
	var b strings.Builder
	b.WriteString(f.File)
	if f.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", f.Line, f.Column)
	}
	b.WriteString(": ")
	if f.Key != "" {
		b.WriteString(f.Key + ": ")
	}
	b.WriteString(f.Message)
	if f.Extended != "" {
		b.WriteString(" (" + strings.TrimPrefix(f.Extended, ", ") + ")")
	}
	return b.String()
}

// InputError is bad input, which the user must correct before anything trains. It has at least one fault.
type InputError struct {
	Faults []Fault
}

// Error returns one line per fault, in order, for the first ten faults.
func (e *InputError) Error() string {
	lines := make([]string, 0, maxFaults+1)
	for i, f := range e.Faults {
		if i == maxFaults {
			lines = append(lines, fmt.Sprintf("and %d more", len(e.Faults)-i))
			break
		}
		lines = append(lines, f.String())
	}
	return strings.Join(lines, "\n")
}

// Refuse returns the faults as an *InputError, each once, in the order of their places; nil if there are none.
func Refuse(faults ...Fault) error {
	if len(faults) == 0 {
		return nil
	}
	var distinct []Fault
	for _, f := range faults {
		if !slices.Contains(distinct, f) {
			distinct = append(distinct, f)
		}
	}
	slices.SortStableFunc(distinct, func(a, b Fault) int {
		return cmp.Or(strings.Compare(a.File, b.File), a.Line-b.Line, a.Column-b.Column)
	})
	return &InputError{Faults: distinct}
}
