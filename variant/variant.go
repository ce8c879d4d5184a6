// Package variant holds named choices: a slot of a configuration takes one of the variants in its registry, each with
// parameters of its own.
package variant

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// Registry maps the YAML name of each variant to its entry. T is an interface.
type Registry[T any] map[string]Entry[T]

// Entry is one variant of a registry.
type Entry[T any] struct {
	// New returns the variant with its default parameters: a pointer to a struct. Parameters are decoded into the struct's
	// exported fields, which are tagged `json:"name"`. A tag `doc:"…"` says what a parameter is, with its unit;
	// `enum:"a,b"` lists the strings that it may hold.
	New func() T
	// Formula says in one line what the variant computes; Source is the arXiv id that the formula is taken from, or a few
	// words if there is none.
	Formula, Source string
	// Alias, if not "", is the entry that this one is another name for. Choosing either gives the same configuration; both
	// have the same New.
	Alias string
}

// Names lists the registry's names, sorted.
func (r Registry[T]) Names() []string {
	names := make([]string, 0, len(r))
	for name := range r {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Chooser is the part of a slot that a decoder needs, whatever the slot's type.
type Chooser interface {
	// Choose sets the variant of that name, with its default parameters.
	Choose(name string) error
	// Chosen returns the name of the current variant.
	Chosen() string
	// Params returns a pointer to the struct that holds the current variant's parameters.
	Params() any
	// Names lists the names that Choose accepts, sorted.
	Names() []string
	// Aliases lists the other names of the current variant.
	Aliases() []string
	// List describes every variant, sorted by name; slot is the slot's dotted key.
	List(slot string) []Listed
}

// Slot is one choice among a registry's variants. A struct that embeds a Slot adds the slot's common keys, which stay
// when the variant changes.
type Slot[T any] struct {
	Name  string
	Value T

	kind     string
	registry Registry[T]
}

// New returns a slot of that kind ("archs: norm") with the named variant. It panics if the registry lacks the name,
// because defaults are written by programmers.
func New[T any](kind string, registry Registry[T], name string) Slot[T] {
	s := Slot[T]{kind: kind, registry: registry}
	if err := s.Choose(name); err != nil {
		panic(err)
	}
	return s
}

// Choose implements Chooser.
func (s *Slot[T]) Choose(name string) error {
	entry, ok := s.registry[name]
	if !ok {
		return Unknown(s.kind, name, s.registry.Names())
	}
	if entry.Alias != "" {
		if s.Name == entry.Alias {
			return nil // the parameters stay, as they do if a name is given again
		}
		name = entry.Alias
	}
	s.Name, s.Value = name, entry.New()
	return nil
}

// Chosen implements Chooser.
func (s *Slot[T]) Chosen() string { return s.Name }

// Params implements Chooser.
func (s *Slot[T]) Params() any { return s.Value }

// Names implements Chooser.
func (s *Slot[T]) Names() []string { return s.registry.Names() }

// Aliases implements Chooser.
func (s *Slot[T]) Aliases() []string {
	var names []string
	for _, name := range s.registry.Names() {
		if s.registry[name].Alias == s.Name {
			names = append(names, name)
		}
	}
	return names
}

// MarshalJSON returns an object with the variant's name, under "name", and its parameters.
func (s Slot[T]) MarshalJSON() ([]byte, error) {
	params, err := json.Marshal(s.Value)
	if err != nil {
		return nil, err
	}
	name, err := json.Marshal(s.Name)
	if err != nil {
		return nil, err
	}
	out := append([]byte(`{"name":`), name...)
	if body := params[1:]; len(body) > 1 {
		out = append(out, ',')
		return append(out, body...), nil
	}
	return append(out, '}'), nil
}

// Unknown returns the error for a name that is not among the known ones. The error gives the nearest of them, if one is
// near, and all of them.
func Unknown(kind, name string, known []string) error {
	if near, ok := Nearest(name, known); ok {
		return fmt.Errorf("unknown %s %q, did you mean %q? (%s)", kind, name, near, strings.Join(known, ", "))
	}
	return fmt.Errorf("unknown %s %q (%s)", kind, name, strings.Join(known, ", "))
}

// Nearest returns the known name with the smallest edit distance, and reports whether that distance is at most half of
// the name's length.
func Nearest(name string, known []string) (string, bool) {
	best, at := len(name)/2+1, ""
	for _, k := range known {
		if d := levenshtein.ComputeDistance(strings.ToLower(name), strings.ToLower(k)); d < best {
			best, at = d, k
		}
	}
	return at, at != ""
}

// Error is a fault in a configuration at a dotted key, such as "arch.heads". The decoder, which knows the file, adds
// line and column.
type Error struct {
	Key     string
	Message string
}

// Error returns "KEY: message".
func (e *Error) Error() string { return e.Key + ": " + e.Message }

// Errorf returns an *Error for that key.
func Errorf(key, format string, args ...any) error {
	return &Error{Key: key, Message: fmt.Sprintf(format, args...)}
}

// Within puts a key in front of the key of an *Error. It turns any other error into an *Error at that key.
func Within(key string, err error) error {
	if at, ok := err.(*Error); ok {
		return &Error{Key: key + "." + at.Key, Message: at.Message}
	}
	return &Error{Key: key, Message: err.Error()}
}
