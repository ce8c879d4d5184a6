// Package variant holds named choices: a slot of a configuration takes one of the variants that its
// registry lists, each with parameters of its own.
package variant

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// Registry maps the YAML name of each variant to what is known of it. T is an interface.
type Registry[T any] map[string]Entry[T]

// Entry is one variant of a registry.
type Entry[T any] struct {
	// New returns the variant with its default parameters: a pointer to a struct, into whose exported fields (tagged
	// `json:"name"`) the parameters are decoded. A tag `doc:"…"` says what a parameter is, with its unit;
	// `enum:"a,b"` lists the texts that it may be.
	New func() T
	// Formula says in one line what the variant computes; Source is the arXiv id it is taken from, or a few words where
	// there is none.
	Formula, Source string
	// Alias is the name of the entry that this is another name of, "" for none. Choosing it chooses that entry, so that
	// both are one configuration; it has that entry's New.
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

// Chooser is what a decoder needs of a slot, whatever its type.
type Chooser interface {
	// Choose takes the variant of that name with its default parameters.
	Choose(name string) error
	// Chosen is the name of the present variant.
	Chosen() string
	// Params is a pointer to the struct that holds the present variant's parameters.
	Params() any
	// Names lists the names that Choose accepts, sorted.
	Names() []string
	// Aliases lists the other names of the present variant.
	Aliases() []string
	// List tells of every variant, sorted by name, under that slot's key.
	List(slot string) []Listed
}

// Slot is one choice among a registry's variants. A struct that embeds a Slot adds the slot's common
// keys, which stay when the variant changes.
type Slot[T any] struct {
	Name  string
	Value T

	kind     string
	registry Registry[T]
}

// New returns a slot of that kind ("archs: norm") holding the named variant. It panics if the registry lacks it:
// defaults are written by programmers.
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
			return nil // its parameters stay, as they do where a name is said again
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

// MarshalJSON writes {"name": …} and the variant's parameters beside it.
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

// Unknown is the error for a name that is not among the known ones; it names the nearest.
func Unknown(kind, name string, known []string) error {
	if near, ok := Nearest(name, known); ok {
		return fmt.Errorf("unknown %s %q, did you mean %q? (%s)", kind, name, near, strings.Join(known, ", "))
	}
	return fmt.Errorf("unknown %s %q (%s)", kind, name, strings.Join(known, ", "))
}

// Nearest returns the known name with the smallest edit distance, if that is at most half of the
// name's length.
func Nearest(name string, known []string) (string, bool) {
	best, at := len(name)/2+1, ""
	for _, k := range known {
		if d := levenshtein.ComputeDistance(strings.ToLower(name), strings.ToLower(k)); d < best {
			best, at = d, k
		}
	}
	return at, at != ""
}

// Error is a fault in a configuration at a dotted key, such as "arch.heads". The decoder that knows the file
// adds line and column.
type Error struct {
	Key     string
	Message string
}

func (e *Error) Error() string { return e.Key + ": " + e.Message }

// Errorf returns an *Error for that key.
func Errorf(key, format string, args ...any) error {
	return &Error{Key: key, Message: fmt.Sprintf(format, args...)}
}

// Within puts a key before the key of a *Error; another error becomes one at that key.
func Within(key string, err error) error {
	if at, ok := err.(*Error); ok {
		return &Error{Key: key + "." + at.Key, Message: at.Message}
	}
	return &Error{Key: key, Message: err.Error()}
}
