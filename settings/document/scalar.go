package document

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/outcrop-lab/outcrop/variant"
)

// coreTags are the tags of YAML's core schema.
var coreTags = map[string]bool{
	"!!null": true, "!!bool": true, "!!int": true, "!!float": true, "!!str": true, "!!seq": true, "!!map": true,
}

// The plain scalars of YAML 1.2's core schema (section 10.3.2); any other is text.
var (
	null    = regexp.MustCompile(`^(null|Null|NULL|~|)$`)
	boolean = regexp.MustCompile(`^(true|True|TRUE|false|False|FALSE)$`)
	integer = regexp.MustCompile(`^([-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$`)
	decimal = regexp.MustCompile(`^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)
	endless = regexp.MustCompile(`^([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$`)
)

// Tag returns the core schema's tag of a node, such as "!!int". A plain 2026-01-01, 1_000 or yes is "!!str".
func Tag(n *yaml.Node) string {
	const quoted = yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle
	switch {
	case n.Kind != yaml.ScalarNode || n.Style&yaml.TaggedStyle != 0:
		return n.ShortTag()
	case n.Style&quoted != 0:
		return "!!str"
	case null.MatchString(n.Value):
		return "!!null"
	case boolean.MatchString(n.Value):
		return "!!bool"
	case integer.MatchString(n.Value):
		return "!!int"
	case decimal.MatchString(n.Value), endless.MatchString(n.Value):
		return "!!float"
	}
	return "!!str"
}

// IsNull reports whether a node is null or empty.
func IsNull(n *yaml.Node) bool { return Tag(n) == "!!null" }

// Describe says what a node is, for a message.
func Describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a map"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.AliasNode:
		return "an alias"
	case IsNull(n):
		return "nothing"
	case Tag(n) == "!!str":
		return "the string " + variant.Brief(n.Value)
	}
	return n.Value
}

// Scalar sets v, which is a bool, a number or a string, to a node's value. The type of v decides what the node means:
//   - text is any scalar but null, as written: 1.10 and 2026-01-01 stay what they are;
//   - a bool is true or false, as the core schema spells them, not in quotes;
//   - a number is any of the core schema, not in quotes: 16, +16, 0x10, 0o20, 16., 1.6e1. A whole number may have an
//     exponent or a fraction of zeros, as in JSON Schema. No number is infinite or NaN, and none is rounded to zero.
func Scalar(n *yaml.Node, v reflect.Value) error {
	switch v.Kind() {
	case reflect.Bool:
		if Tag(n) == "!!bool" && boolean.MatchString(n.Value) {
			v.SetBool(n.Value[0] == 't' || n.Value[0] == 'T')
			return nil
		}
		return fmt.Errorf("wants true or false, got %s", Describe(n))
	case reflect.Int, reflect.Int64, reflect.Int32:
		x, err := whole(n)
		if err != nil {
			return fmt.Errorf("wants a whole number, %w", err)
		}
		if !x.IsInt64() || v.OverflowInt(x.Int64()) {
			return fmt.Errorf("wants a whole number of at most %d, got %s", math.MaxInt64, Describe(n))
		}
		v.SetInt(x.Int64())
		return nil
	case reflect.Uint, reflect.Uint64, reflect.Uint32:
		x, err := whole(n)
		if err == nil && x.Sign() < 0 {
			err = fmt.Errorf("got %s", Describe(n))
		}
		if err != nil {
			return fmt.Errorf("wants a whole number of at least 0, %w", err)
		}
		if !x.IsUint64() || v.OverflowUint(x.Uint64()) {
			return fmt.Errorf("wants a whole number of at most %d, got %s", uint64(math.MaxUint64), Describe(n))
		}
		v.SetUint(x.Uint64())
		return nil
	case reflect.Float64, reflect.Float32:
		x, err := number(n)
		if err != nil {
			return fmt.Errorf("wants a number, %w", err)
		}
		v.SetFloat(x)
		return nil
	case reflect.String:
		if n.Kind == yaml.ScalarNode && !IsNull(n) {
			v.SetString(n.Value)
			return nil
		}
		return fmt.Errorf("wants a string, got %s", Describe(n))
	}
	panic("document: no YAML for " + v.Type().String())
}

// Shortest returns a number in its shortest form, such as 0.001 for 1.0e-3 and 16 for 0x10, and other text as written.
func Shortest(n *yaml.Node) string {
	unsigned := strings.TrimLeft(n.Value, "+-")
	switch {
	case Tag(n) == "!!int" && integer.MatchString(n.Value) && len(unsigned) > 1 && unsigned[0] == '0':
		return digits(n.Value).String()
	case Tag(n) == "!!float":
		if x, err := number(n); err == nil {
			return strconv.FormatFloat(x, 'g', -1, 64)
		}
	}
	return n.Value
}

// Parse sets v to what Scalar would make of text as a plain scalar.
func Parse(text string, v reflect.Value) error {
	return Scalar(&yaml.Node{Kind: yaml.ScalarNode, Value: text}, v)
}

// whole returns a whole number exactly. Its error begins with what the node is instead.
func whole(n *yaml.Node) (*big.Int, error) {
	x, err := number(n)
	switch {
	case err != nil:
		return nil, err
	case integer.MatchString(n.Value):
		return digits(n.Value), nil
	case x != math.Trunc(x):
		return nil, fmt.Errorf("got %s", n.Value)
	case x == 0:
		return new(big.Int), nil
	case math.Abs(x) > math.MaxUint64:
		return nil, fmt.Errorf("got %s, which is too large", n.Value)
	}
	if exact, ok := new(big.Rat).SetString(n.Value); ok && exact.IsInt() {
		return exact.Num(), nil
	}
	return nil, fmt.Errorf("got %s", n.Value)
}

// number returns a finite number. Its error begins with what the node is instead.
func number(n *yaml.Node) (float64, error) {
	tag := Tag(n)
	switch {
	case tag != "!!int" && tag != "!!float":
		return 0, fmt.Errorf("got %s", Describe(n))
	case integer.MatchString(n.Value):
		x, _ := new(big.Float).SetInt(digits(n.Value)).Float64()
		if math.IsInf(x, 0) {
			return 0, fmt.Errorf("got %s, which is too large", n.Value)
		}
		return x, nil
	case tag == "!!int" || !decimal.MatchString(n.Value): // a tag that the text does not bear out, .inf or .nan
		return 0, fmt.Errorf("got %s", n.Value)
	}
	x, err := strconv.ParseFloat(n.Value, 64)
	if errors.Is(err, strconv.ErrRange) {
		return 0, fmt.Errorf("got %s, which is too large", n.Value)
	}
	mantissa, _, _ := strings.Cut(strings.ToLower(n.Value), "e")
	if x == 0 && strings.ContainsAny(mantissa, "123456789") {
		return 0, fmt.Errorf("got %s, which is too close to 0", n.Value)
	}
	return x, err
}

// digits returns the value of text that integer matches.
func digits(text string) *big.Int {
	base := 10
	if rest, hex := strings.CutPrefix(text, "0x"); hex {
		text, base = rest, 16
	} else if rest, octal := strings.CutPrefix(text, "0o"); octal {
		text, base = rest, 8
	}
	x, _ := new(big.Int).SetString(text, base) // integer matches, so that it is a number
	return x
}
