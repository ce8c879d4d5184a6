// Package settings reads a configuration as an ordered list of dotted keys and values, from a program's struct or from
// the JSON in a database.
package settings

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/outcrop-lab/outcrop/variant"
)

// Setting is one resolved key of a configuration. Value is a bool, string, int64, uint64, float64 or []any. A slot's
// name is the value of the slot's own key.
type Setting struct {
	Key   string
	Value any
	// Choice says that Value is the name of a slot's variant, and Aliases lists other names of the same variant.
	Choice  bool
	Aliases []string
}

// String returns the setting as a sweep file has it: "optim.lr: 0.01".
func (s Setting) String() string {
	if x, ok := s.Value.(float64); ok {
		return s.Key + ": " + strconv.FormatFloat(x, 'g', -1, 64)
	}
	return fmt.Sprintf("%s: %v", s.Key, s.Value)
}

// Of lists every key of the configuration that config points to, in the order of its declaration.
func Of(config any) []Setting {
	return flatten(make([]Setting, 0, 96), reflect.ValueOf(config).Elem(), "")
}

func flatten(to []Setting, v reflect.Value, key string) []Setting {
	if v.Kind() != reflect.Struct {
		return append(to, Setting{Key: key, Value: Plain(v)})
	}
	if IsSlot(v) {
		slot := Slot(v)
		to = append(to, Setting{Key: key, Value: slot.Chosen(), Choice: true, Aliases: slot.Aliases()})
	}
	to = flattenKeys(to, v, key)
	if own, params := paramsOf(v); own != nil {
		to = flattenKeys(to, params, key)
	}
	return to
}

func flattenKeys(to []Setting, v reflect.Value, key string) []Setting {
	keys := keysBelow(v.Type(), key)
	for i, k := range variant.Keys(v.Type()) {
		to = flatten(to, v.FieldByIndex(k.Index), keys[i])
	}
	return to
}

// Keys lists every key that a configuration of this type may have, whichever variants it chooses, in the order of its
// declaration. config points to one, which does not change.
func Keys(config any) []string {
	keys := keysOf(nil, reflect.ValueOf(config).Elem(), "")
	seen := map[string]bool{}
	return slices.DeleteFunc(keys, func(key string) bool {
		twice := seen[key]
		seen[key] = true
		return twice
	})
}

func keysOf(to []string, v reflect.Value, key string) []string {
	if v.Kind() != reflect.Struct {
		return append(to, key)
	}
	below := func(v reflect.Value) {
		for _, k := range variant.Keys(v.Type()) {
			to = keysOf(to, v.FieldByIndex(k.Index), Join(key, k.Name))
		}
	}
	if !IsSlot(v) {
		below(v)
		return to
	}
	to = append(to, key)
	below(v)
	copied := reflect.New(v.Type()).Elem()
	copied.Set(v)
	for _, listed := range Slot(copied).List(key) {
		if err := Slot(copied).Choose(listed.Name); err != nil {
			panic(err) // it is listed
		}
		if keys, params := paramsOf(copied); keys != nil {
			below(params)
		}
	}
	return to
}

// Arrange sorts settings into the order of keys. Those that it lacks come last, in the order that they had.
func Arrange(list []Setting, keys []string) {
	at := make(map[string]int, len(keys))
	for i, key := range keys {
		at[key] = i + 1
	}
	rank := func(s Setting) int {
		if i := at[s.Key]; i > 0 {
			return i
		}
		return len(keys) + 1
	}
	slices.SortStableFunc(list, func(a, b Setting) int { return rank(a) - rank(b) })
}

// dottedKeys caches the dotted keys of a type under a key, so that a plan of many runs makes each string once.
var dottedKeys sync.Map // typeUnder to []string

type typeUnder struct {
	of  reflect.Type
	key string
}

func keysBelow(t reflect.Type, key string) []string {
	if had, ok := dottedKeys.Load(typeUnder{t, key}); ok {
		return had.([]string)
	}
	var keys []string
	for _, k := range variant.Keys(t) {
		keys = append(keys, Join(key, k.Name))
	}
	dottedKeys.Store(typeUnder{t, key}, keys)
	return keys
}

// Join returns the dotted key of a name below a key, which may be "".
func Join(key, name string) string {
	if key == "" {
		return name
	}
	return key + "." + name
}

// Section returns the settings of a top key, which lie together: the key itself and all keys below it.
func Section(list []Setting, key string) []Setting {
	in := func(s Setting) bool { return s.Key == key || strings.HasPrefix(s.Key, key+".") }
	from := slices.IndexFunc(list, in)
	if from < 0 {
		return nil
	}
	to := from
	for to < len(list) && in(list[to]) {
		to++
	}
	return list[from:to]
}

// Value returns the value of a key; nil if the list lacks the key.
func Value(list []Setting, key string) any {
	if i := slices.IndexFunc(list, func(s Setting) bool { return s.Key == key }); i >= 0 {
		return list[i].Value
	}
	return nil
}

// Number returns the value of a key as a number, and reports whether it is one.
func Number(list []Setting, key string) (float64, bool) {
	switch x := Value(list, key).(type) {
	case int64:
		return float64(x), true
	case uint64:
		return float64(x), true
	case float64:
		return x, true
	}
	return 0, false
}

// Fingerprint returns a string that is equal for two lists of settings if and only if all keys and values are equal.
func Fingerprint(list []Setting) string {
	b := make([]byte, 0, 2048)
	for _, s := range list {
		b = append(append(b, s.Key...), 0)
		switch x := s.Value.(type) {
		case string:
			b = append(b, x...)
		case int64:
			b = strconv.AppendInt(b, x, 10)
		case uint64:
			b = strconv.AppendUint(b, x, 10)
		case float64:
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
		default: // bools, and lists, whose elements %#v keeps apart
			b = fmt.Appendf(b, "%#v", x)
		}
		b = append(b, 0)
	}
	return string(b)
}

// Same reports whether the values of two settings are equal.
func Same(a, b any) bool {
	if _, list := a.([]any); list {
		return reflect.DeepEqual(a, b)
	}
	if _, list := b.([]any); list {
		return false
	}
	return a == b
}

// Diff returns the settings of list that usual, which maps keys to values, lacks or holds with another value.
func Diff(usual map[string]any, list []Setting) (out []Setting) {
	for _, one := range list {
		if v, ok := usual[one.Key]; !ok || !Same(v, one.Value) {
			out = append(out, one)
		}
	}
	return out
}

// NamePattern is the regular expression of the names that IsName accepts.
const NamePattern = `^[A-Za-z0-9][A-Za-z0-9._-]*$`

var name = regexp.MustCompile(NamePattern)

// IsName reports whether a string may name a sweep, an arm or a run, and so a folder or a file: whether it consists of
// letters, digits, dots, dashes and underscores and begins with a letter or a digit.
func IsName(text string) bool { return name.MatchString(text) }
