// Package settings reads a configuration as an ordered list of dotted keys and values. The configuration is a Go
// struct, or the JSON that a database stores.
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

// Setting is one resolved key of a configuration. Value is a bool, string, int64, uint64, float64 or []any. The name of
// a slot's variant is the value of the slot's own key.
type Setting struct {
	Key   string
	Value any
	// File is true if Value names files, as the user wrote it: the setting is a variant.Path.
	File bool
	// Choice is true if Value is the name of a slot's variant. Aliases then lists the other names of that variant.
	Choice  bool
	Aliases []string
}

// String returns the setting as written in a sweep file: "optim.lr: 0.01".
func (s Setting) String() string {
	if x, ok := s.Value.(float64); ok {
		return s.Key + ": " + strconv.FormatFloat(x, 'g', -1, 64)
	}
	return fmt.Sprintf("%s: %v", s.Key, s.Value)
}

// Of lists every setting of the configuration that config points to, in the order of declaration.
func Of(config any) []Setting {
	return flatten(make([]Setting, 0, 96), reflect.ValueOf(config).Elem(), "")
}

func flatten(to []Setting, v reflect.Value, key string) []Setting {
	if IsValue(v) {
		return append(to, Setting{Key: key, Value: Plain(v), File: variant.IsPathType(v.Type())})
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

// File is a setting that names files.
type File struct {
	Key  string
	Path *variant.Path // a part of the configuration
}

// Files lists the settings of the configuration that config points to which name files, in the order of declaration. It
// leaves out those that are empty, and names of what ships with the program.
func Files(config any) (all []File) { return files(nil, reflect.ValueOf(config).Elem(), "") }

func files(to []File, v reflect.Value, key string) []File {
	if variant.IsPathType(v.Type()) {
		if p := v.Addr().Interface().(*variant.Path); p.Written != "" && !p.Ships() {
			to = append(to, File{key, p})
		}
		return to
	}
	if IsValue(v) {
		return to
	}
	for _, f := range Fields(v) {
		to = files(to, f.Value, Join(key, f.Name))
	}
	return to
}

// Keys lists every key that a configuration of config's type may have with any choice of variants, in the order of
// declaration. config points to such a configuration; Keys does not change it.
func Keys(config any) []string {
	return distinct(keysOf(nil, reflect.ValueOf(config).Elem(), "", func(reflect.Type) bool { return true }))
}

// FileKeys lists those of Keys that name files.
func FileKeys(config any) []string {
	return distinct(keysOf(nil, reflect.ValueOf(config).Elem(), "", variant.IsPathType))
}

func distinct(keys []string) []string {
	seen := map[string]bool{}
	return slices.DeleteFunc(keys, func(key string) bool {
		twice := seen[key]
		seen[key] = true
		return twice
	})
}

func keysOf(to []string, v reflect.Value, key string, wanted func(reflect.Type) bool) []string {
	if IsValue(v) {
		if wanted(v.Type()) {
			to = append(to, key)
		}
		return to
	}
	below := func(v reflect.Value) {
		for _, k := range variant.Keys(v.Type()) {
			to = keysOf(to, v.FieldByIndex(k.Index), Join(key, k.Name), wanted)
		}
	}
	if !IsSlot(v) {
		below(v)
		return to
	}
	if wanted(v.Type()) {
		to = append(to, key)
	}
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

// Arrange sorts settings into the order of keys. Settings whose keys are not in keys come last, in their previous
// order.
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

// Join returns the dotted key of name below key. key may be "".
func Join(key, name string) string {
	if key == "" {
		return name
	}
	return key + "." + name
}

// Section returns the settings of key and of all keys below it. These settings are adjacent in list.
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

// Value returns the value of a key, or nil if the list lacks the key.
func Value(list []Setting, key string) any {
	if i := slices.IndexFunc(list, func(s Setting) bool { return s.Key == key }); i >= 0 {
		return list[i].Value
	}
	return nil
}

// Number returns the value of a key as a number, and reports whether the value is a number.
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

// Diff returns the settings of list whose keys are not in usual or have another value there. usual maps keys to values.
func Diff(usual map[string]any, list []Setting) (out []Setting) {
	for _, one := range list {
		if v, ok := usual[one.Key]; !ok || !Same(v, one.Value) {
			out = append(out, one)
		}
	}
	return out
}

// The longest names, in characters, which are all ASCII. A file system takes names of 255.
const (
	LongestName = 100
	LongestArm  = 200 // with the values of a point
)

// NamePattern is the regular expression of the names that IsName accepts.
var NamePattern = fmt.Sprintf(`^[A-Za-z0-9][A-Za-z0-9._-]{0,%d}$`, LongestName-1)

var (
	name = regexp.MustCompile(NamePattern)
	arm  = regexp.MustCompile(`^[A-Za-z0-9#][A-Za-z0-9._+,=#-]*( [A-Za-z0-9._+,=#-]+)*$`)
)

// NameRule says what IsName accepts.
var NameRule = fmt.Sprintf("at most %d letters, digits, dots, dashes and underscores, of which the first is "+
	"a letter or a digit", LongestName)

// IsName reports whether text may be the name of a sweep, of an arm in a sweep file or of a run, and so of a folder or
// a file: see NameRule.
func IsName(text string) bool { return name.MatchString(text) }

// IsArm reports whether text may be the name under which an arm is stored: a name, or the values of a point, or both,
// with blanks between.
func IsArm(text string) bool { return len(text) <= LongestArm && arm.MatchString(text) }
