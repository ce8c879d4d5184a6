// Package experiments turns a sweep file into a plan, trains the plan in worker processes, and fits what they measured.
package experiments

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
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

// inputError is nil without faults. Faults that several arms share (those of base) are told once.
func inputError(faults []Fault) error {
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

// parse reads one YAML document and returns its root, which is a map.
func parse(file string, src []byte) (*yaml.Node, error) {
	fail := func(line, column int, format string, args ...any) (*yaml.Node, error) {
		return nil, inputError([]Fault{{File: file, Line: line, Column: column, Message: fmt.Sprintf(format, args...)}})
	}
	if len(strings.TrimSpace(string(src))) == 0 {
		return fail(0, 0, "is empty")
	}
	var doc yaml.Node
	if err := yaml.Load(src, &doc); err != nil {
		var at *yaml.LoadError
		if !errors.As(err, &at) {
			return fail(0, 0, "is not YAML: %v", err)
		}
		if at.Mark.Line < 1 {
			return fail(0, 0, "is not one YAML document: %s", strings.TrimPrefix(at.Message, "yaml: "))
		}
		message := at.Message
		if at.ContextMsg != "" {
			message = at.ContextMsg + ": " + message
		}
		return fail(at.Mark.Line, max(at.Mark.Column, 1), "is not YAML: %s", message)
	}
	root := &doc
	if doc.Kind == yaml.DocumentNode && len(doc.Content) == 1 {
		root = doc.Content[0]
	}
	if root.Kind != yaml.MappingNode {
		return fail(root.Line, root.Column, "wants a map of keys, got %s", describe(root))
	}
	return root, nil
}
