package settings

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// maxFaults is how many faults of one file are shown.
const maxFaults = 10

// Fault is one mistake in an input file. Line and Column count from 1; 0 where the place is not known.
type Fault struct {
	File         string
	Line, Column int
	// Key is the dotted key, as "base.arch.heads"; "" for the file as a whole.
	Key     string
	Message string
	// Extended is ", extended by FILE:LINE:COLUMN" for each file between this one and the sweep; "" in the sweep itself.
	Extended string
}

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

// InputError is bad input: what the user must mend before anything trains. It has at least one fault.
type InputError struct {
	Faults []Fault
}

// Error gives a line to each fault, in the order of the file, up to ten.
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

// Refuse returns the faults as an *InputError, in the order of their places and each once; nil without faults.
func Refuse(faults ...Fault) error {
	if len(faults) == 0 {
		return nil
	}
	var told []Fault
	for _, f := range faults {
		if !slices.Contains(told, f) {
			told = append(told, f)
		}
	}
	slices.SortStableFunc(told, func(a, b Fault) int {
		return cmp.Or(strings.Compare(a.File, b.File), a.Line-b.Line, a.Column-b.Column)
	})
	return &InputError{Faults: told}
}
