// Package variant holds named choices: a slot of a configuration takes one of the variants in its registry. Each
// variant has parameters of its own.
package variant

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/agnivade/levenshtein"
)

// Registry maps the YAML name of each variant to its entry. T is an interface.
type Registry[T any] map[string]Entry[T]

// Entry is one variant of a registry.
type Entry[T any] struct {
	// New returns the variant with its default parameters: a pointer to a struct. Parameters are decoded into the struct's
	// exported fields, which are tagged `json:"name"`. A tag `doc:"…"` says what a parameter is, with its unit;
	// `enum:"a,b"` lists the strings that it may hold, and `max:"2^20"` says the largest whole number.
	New func() T
	// Formula says in one line what the variant computes. Source is the arXiv id of the formula's paper, or a few words
	// if there is no such paper.
	Formula, Source string
	// Alias, if it is not "", is the name of another entry, for which this entry is only a second name. Both entries
	// have the same New, and choosing either gives the same configuration.
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

// Chooser holds the methods of a slot that a decoder needs. They do not depend on the slot's type.
type Chooser interface {
	// Choose sets the slot to the named variant, with the variant's default parameters.
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

// New returns a slot with the named variant. kind names the slot's kind, such as "archs: norm". New panics if the
// registry lacks the name, because only programmers write defaults.
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

// MarshalJSON returns an object with the variant's name (under "name") and parameters.
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

// Unknown returns the error for a name that is not among the known names. The error lists all known names and, if one
// of them is near, suggests it.
func Unknown(kind, name string, known []string) error {
	if near, ok := Nearest(name, known); ok {
		return fmt.Errorf("unknown %s %q, did you mean %q? (%s)", kind, name, near, strings.Join(known, ", "))
	}
	return fmt.Errorf("unknown %s %q (%s)", kind, name, strings.Join(known, ", "))
}

// Nearest returns the known name with the smallest edit distance from name. It also reports whether this distance is at
// most half of name's length.
func Nearest(name string, known []string) (string, bool) {
	best, at := len(name)/2+1, ""
	for _, k := range known {
		if d := levenshtein.ComputeDistance(strings.ToLower(name), strings.ToLower(k)); d < best {
			best, at = d, k
		}
	}
	return at, at != ""
}

// Error is a fault in a configuration at a dotted key, such as "arch.heads". The decoder knows the file, and adds the
// line and the column.
type Error struct {
	Key     string
	Message string
}

// Error returns "KEY: message".
func (e *Error) Error() string { return e.Key + ": " + e.Message }

// Errorf returns an *Error at the given key.
func Errorf(key, format string, args ...any) error {
	return &Error{Key: key, Message: fmt.Sprintf(format, args...)}
}

// Within returns an *Error whose key is that of err with key and a dot in front. If err is not an *Error, Within turns
// it into an *Error at key.
func Within(key string, err error) error {
	if at, ok := err.(*Error); ok {
		return &Error{Key: key + "." + at.Key, Message: at.Message}
	}
	return &Error{Key: key, Message: err.Error()}
}

// Brief quotes a text for a message, and cuts it after 60 characters.
func Brief(text string) string {
	if runes := []rune(text); len(runes) > 60 {
		return strconv.Quote(string(runes[:60])) + "…"
	}
	return strconv.Quote(text)
}
