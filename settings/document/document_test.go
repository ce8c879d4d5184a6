package document

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/outcrop-lab/outcrop/settings"
)

// Each mistake is told with its place.
func TestReadRefuses(t *testing.T) {
	for _, c := range []struct{ src, want string }{
		{"- a\n", "f:1:1: wants a map of keys, got a list"},
		{"a: 1\n---\nb: 2\n", "f:2:1: wants one YAML document, and here a second one begins"},
		{"---\na: 1\n---\n", "f:3:1: wants one YAML document, and here a second one begins"},
		{"a: 1\n...\n---\nb: 2\n", "f:3:1: wants one YAML document, and here a second one begins"},
		{"a: 1\n---\n@\n", "f:3:1: '@' cannot begin a value: put the value in quotes"},
		{"a:\n\tb: 1\n", "f:2:1: a tab: YAML wants spaces to indent"},
		{"a:\n  \tb: 1\n", "f:2:3: a tab: YAML wants spaces to indent"},
		{"a:\r\n\tb: 1\r\n", "f:2:1: a tab: YAML wants spaces to indent"},
		{"a:\n  - b\n\t- c\n", "f:3:1: a tab: YAML wants spaces to indent"},
		{"a: 1\n\tb: 2\n", "f:2:1: a tab: YAML wants spaces to indent"},
		{"a: @x\n", "f:1:4: '@' cannot begin a value: put the value in quotes"},
		{"é: %x\n", "f:1:4: '%' cannot begin a value: put the value in quotes"},
		{"a: `x`\n", "f:1:4: '`' cannot begin a value: put the value in quotes"},
		{"a: [1\nb: 2\n", "f:2:2: is not YAML: while parsing a flow sequence: did not find expected ',' or ']'"},
		{"a: 1\nb: caf\xe9\n", "f:2:7: the byte 0xe9 is not UTF-8: save the file as UTF-8"},
		{"é: \x00\n", "f:1:4: holds the control character U+0000, which YAML does not allow"},
		{"a: \x1b[31m\n", "f:1:4: holds the control character U+001B, which YAML does not allow"},
		{"\xff\xfea\x00:\x00 \x001\x00", "f:1:1: is UTF-16: save it as UTF-8"},
		{"a: {b: 1, b: 2}\n", `f:1:11: a: key "b" appears twice, first in line 1`},
		{"a: 1\n'a': 2\n", `f:2:1: key "a" appears twice, first in line 1`},
		{"a: [{b: 1, b: 2}]\n", `f:1:12: a: key "b" appears twice, first in line 1`},
		{"a: &x 1\nb: *x\n", "f:2:4: b: aliases are not supported: repeat it, or move it to base"},
		{"a: &x [*x]\n", "f:1:8: a: aliases are not supported: repeat it, or move it to base"},
		{"a: &x b\n*x : 2\n", "f:2:1: wants a word as a key, got an alias"},
		{"a: &x {}\nb: {<<: *x}\n", "f:2:5: b: merge keys (<<) are not supported: arms are merged over base"},
		{"? [a]\n: 1\n", "f:1:3: wants a word as a key, got a list"},
		{"a: !env HOME\n", "f:1:4: a: the tag !env means nothing here: remove it"},
		{"a: !!timestamp 2026-01-01\n", "f:1:4: a: the tag !!timestamp means nothing here: remove it"},
		{"a: *x\n", "f:1:4: is not YAML: unknown anchor 'x' referenced"},
	} {
		_, err := Read("f", []byte(c.src))
		if input := new(settings.InputError); !errors.As(err, &input) || err.Error() != c.want {
			t.Errorf("%q:\ngot  %v\nwant %s", c.src, err, c.want)
		}
	}
}

func TestReadAccepts(t *testing.T) {
	for _, src := range []string{"a: 1\n", "\ufeffa: 1\n", "---\na: 1\n...\n", "%YAML 1.2\n---\na: 1\n", "a:\t1 # x\n",
		"a: 1\r\n", "'a': !!int 1\n", "? a\n: 1\n", "{a: 1}", "{\n\ta: 1}"} {
		root, err := Read("f", []byte(src))
		if err != nil || root == nil || Find(root, "a") == nil || Find(root, "a").Value != "1" || Find(root, "b") != nil {
			t.Errorf("%q: %v, %v", src, root, err)
		}
	}
	for _, src := range []string{"", " \n", "# a: 1\n", "---\n", "\ufeff"} {
		if root, err := Read("f", []byte(src)); err != nil || root != nil && !IsNull(root) {
			t.Errorf("%q: %v, %v, want nothing", src, root, err)
		}
	}
}

func TestValue(t *testing.T) {
	for text, want := range map[string]string{"1e-3": "1e-3", "[a, b]": "", "{a: b}": "", "'a # b'": "a # b", "a#b": "a#b",
		"null": "null"} {
		if n, err := Value(text); err != nil || n.Value != want {
			t.Errorf("%q: %v, %v", text, n, err)
		}
	}
	for text, want := range map[string]string{"a # b": "a comment", "1\n---\n2": "one YAML document", "": "no value",
		"*x": "anchor", "#a": "no value", "\xff": "UTF-8", "[a, # b\n c]": "a comment"} {
		if n, err := Value(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v, want an error with %q", text, n, err, want)
		}
	}
}

// The scalars of YAML 1.2's core schema, and their neighbours that other versions of YAML know. A type that is not
// listed refuses the text.
var scalars = map[string]map[string]any{
	"1":                     {"int": 1, "uint": uint64(1), "float": 1., "string": "1"},
	"+1":                    {"int": 1, "uint": uint64(1), "float": 1., "string": "+1"},
	"-1":                    {"int": -1, "float": -1., "string": "-1"},
	"-0":                    {"int": 0, "uint": uint64(0), "float": 0., "string": "-0"},
	"010":                   {"int": 10, "uint": uint64(10), "float": 10., "string": "010"},
	"0x10":                  {"int": 16, "uint": uint64(16), "float": 16., "string": "0x10"},
	"0xfF":                  {"int": 255, "uint": uint64(255), "float": 255., "string": "0xfF"},
	"0o17":                  {"int": 15, "uint": uint64(15), "float": 15., "string": "0o17"},
	"1e3":                   {"int": 1000, "uint": uint64(1000), "float": 1000., "string": "1e3"},
	"1.":                    {"int": 1, "uint": uint64(1), "float": 1., "string": "1."},
	"2.50e1":                {"int": 25, "uint": uint64(25), "float": 25., "string": "2.50e1"},
	"0.0":                   {"int": 0, "uint": uint64(0), "float": 0., "string": "0.0"},
	"1.10":                  {"float": 1.1, "string": "1.10"},
	".5":                    {"float": .5, "string": ".5"},
	"-.5":                   {"float": -.5, "string": "-.5"},
	"1.0000000000000000001": {"float": 1., "string": "1.0000000000000000001"},
	"9223372036854775807": {"int": 9223372036854775807, "uint": uint64(9223372036854775807), "float": 0x1p63,
		"string": "9223372036854775807"},
	"9223372036854775808":  {"uint": uint64(1 << 63), "float": 0x1p63, "string": "9223372036854775808"},
	"1e19":                 {"uint": uint64(1e19), "float": 1e19, "string": "1e19"},
	"18446744073709551616": {"float": 0x1p64, "string": "18446744073709551616"},
	"1e400":                {"string": "1e400"},
	"1e-400":               {"string": "1e-400"},
	"0e-400":               {"int": 0, "uint": uint64(0), "float": 0., "string": "0e-400"},
	"1e999999999999":       {"string": "1e999999999999"},
	"True":                 {"bool": true, "string": "True"},
	"true":                 {"bool": true, "string": "true"},
	"FALSE":                {"bool": false, "string": "FALSE"},
	"~":                    {}, "null": {}, "NULL": {}, "": {},
	".inf": {"string": ".inf"}, "-.Inf": {"string": "-.Inf"}, ".NaN": {"string": ".NaN"},
	"inf": {"string": "inf"}, "nan": {"string": "nan"},
	"1_000": {"string": "1_000"}, "0b11": {"string": "0b11"}, "-0x10": {"string": "-0x10"}, "0X10": {"string": "0X10"},
	"0o8": {"string": "0o8"}, "0x": {"string": "0x"}, "1:30": {"string": "1:30"}, "2026-01-01": {"string": "2026-01-01"},
	"yes": {"string": "yes"}, "on": {"string": "on"}, "tRue": {"string": "tRue"}, "nUll": {"string": "nUll"},
	"+": {"string": "+"}, "1e": {"string": "1e"}, "e3": {"string": "e3"}, "0x1p3": {"string": "0x1p3"},
	"'1'": {"string": "1"}, `"true"`: {"string": "true"}, "'~'": {"string": "~"}, "''": {"string": ""},
	"!!str 1.10": {"string": "1.10"}, "!!int '7'": {"int": 7, "uint": uint64(7), "float": 7., "string": "7"},
	"!!int x": {"string": "x"}, "[1]": {}, "{a: 1}": {},
}

func TestScalar(t *testing.T) {
	for text, want := range scalars {
		n, err := Value(text)
		if text == "" {
			n, err = &yaml.Node{Kind: yaml.ScalarNode}, nil
		}
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		for kind, to := range map[string]any{"int": new(int), "uint": new(uint64), "float": new(float64), "bool": new(bool),
			"string": new(string)} {
			v := reflect.ValueOf(to).Elem()
			err := Scalar(n, v)
			switch value, ok := want[kind]; {
			case ok && (err != nil || v.Interface() != value):
				t.Errorf("%q as %s: %v, %v, want %v", text, kind, v, err, value)
			case !ok && (err == nil || !strings.HasPrefix(err.Error(), "wants ") || !strings.Contains(err.Error(), "got ")):
				t.Errorf("%q as %s: %v, %v, want an error", text, kind, v, err)
			}
		}
	}
}

func TestParseAndShortest(t *testing.T) {
	var n int
	if err := Parse("0x10", reflect.ValueOf(&n).Elem()); err != nil || n != 16 {
		t.Errorf("%d, %v", n, err)
	}
	if err := Parse(" 1", reflect.ValueOf(&n).Elem()); err == nil {
		t.Errorf("text with a blank is %d", n)
	}
	for text, want := range map[string]string{"1.0e-3": "0.001", "0x10": "16", "0o17": "15", "007": "7", "16": "16",
		"0": "0", "a": "a", "'1.10'": "1.10", ".inf": ".inf", "1e6": "1e+06"} {
		n, err := Value(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := Shortest(n); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}
