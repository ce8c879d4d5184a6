package settings

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// maxFaults is the number of faults that a message shows.
const maxFaults = 10

// Fault is one mistake in an input file. Line and Column start at 1; they are 0 if the place is not known.
type Fault struct {
	File         string
	Line, Column int
	// Key is the dotted key, such as "base.arch.heads"; it is "" if the fault concerns the file as a whole.
	Key     string
	Message string
	// Extended holds ", extended by FILE:LINE:COLUMN" for each file on the way from the sweep to the file at fault; it
	// is "" if the fault is in the sweep itself.
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

// InputError reports bad input, which the user must correct before anything trains. It has at least one fault.
type InputError struct {
	Faults []Fault
}

// Error returns one line for each of the first ten faults, in order, and says how many more there are.
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

// Refuse returns the distinct faults as an *InputError, in the order of their places. It returns nil if there are no
// faults.
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
