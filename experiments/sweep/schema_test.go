package sweep

import (
	"bytes"
	"encoding/json"
	"math/big"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"

	"github.com/outcrop-lab/outcrop/configs"
	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/trainer"
	"github.com/outcrop-lab/outcrop/variant"
)

// validators compiles the schema for a sweep and for a preset. Compiling checks it against the draft's own schema.
func validators(t *testing.T) (sweep, preset *jsonschema.Schema) {
	t.Helper()
	text, err := json.Marshal(SweepSchema())
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	const at = "file:///sweep.json" // a bare name would be read against the folder, whose name may need escapes
	if err := c.AddResource(at, doc); err != nil {
		t.Fatal(err)
	}
	if sweep, err = c.Compile(at); err != nil {
		t.Fatal(err)
	}
	if preset, err = c.Compile(at + "#/$defs/preset"); err != nil {
		t.Fatal(err)
	}
	return sweep, preset
}

func validate(t *testing.T, s *jsonschema.Schema, src []byte) error {
	t.Helper()
	var value any
	if err := yaml.Load(src, &value); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	if value, err = jsonschema.UnmarshalJSON(bytes.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	return s.Validate(value)
}

// Every embedded sweep and preset is valid, and so is every variant of every slot with all its parameters given.
func TestSchemaAcceptsWhatIsRight(t *testing.T) {
	sweep, preset := validators(t)
	for _, name := range configs.Sweeps() {
		src, _ := configs.Sweep(name)
		if err := validate(t, sweep, src); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range configs.Presets() {
		src, _ := configs.Preset(name)
		if err := validate(t, preset, src); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	config := trainer.Default()
	for _, v := range variant.List(&config) {
		chosen := trainer.Default()
		at := reflect.ValueOf(&chosen).Elem()
		for key := range strings.SplitSeq(v.Slot, ".") {
			for _, f := range settings.Fields(at) {
				if f.Name == key {
					at = f.Value
					break
				}
			}
		}
		if err := settings.Slot(at).Choose(v.Name); err != nil {
			t.Fatal(err)
		}
		tree := settings.Tree(&chosen).(map[string]any)
		delete(tree, "seed")
		text, err := json.Marshal(map[string]any{"name": "x", "base": tree})
		if err != nil {
			t.Fatal(err)
		}
		if err := validate(t, sweep, text); err != nil {
			t.Errorf("%s %s: %v", v.Slot, v.Name, err)
		}
	}
	for _, src := range []string{
		"name: x\nextends: gated",
		"name: x\nextends: [gated, mine.yaml]\narms: {a: {extends: osp, arch: null}, b: null}\nseeds: [3, 4]\n" +
			"exclude: [{arm: a, seed: 3, optim.groups.head.lr_factor: 1}]",
		"name: x\ngrid: {optim.lr: [1e-3, null], arch: {norm: [rmsnorm, {name: dyt, alpha: .5}]}, probe.sites: [[q, k], " +
			"[]]}\nzip: {train.steps: [1, 2]}",
		"name: x\nrandom: {count: 3, seed: 1, optim.clip: {log_uniform: [1, 2]}, arch.layers: {integer: [1, 3]}, " +
			"arch.norm: {choice: [dyt, ssnorm]}}",
		"name: x\nbase: {optim: {momentum: .5}, schedule: wsd, probe: {every: {then: 3}}}",
		// an extended file may choose the optimizer
	} {
		if err := validate(t, sweep, []byte(src)); err != nil {
			t.Errorf("%s: %v", src, err)
		}
	}
}

// The schema, and so an editor, rejects what the decoder calls unknown, misplaced or of the wrong type.
func TestSchemaRejectsWhatIsWrong(t *testing.T) {
	sweep, _ := validators(t)
	for _, src := range []string{
		"seeds: 2", // no name
		"name: x\nseds: 2",
		"name: x y",
		"name: x\nbase: {arhc: {}}",
		"name: x\nbase: {train: {stepz: 3}}",
		"name: x\nbase: {train: {steps: 1.5}}",
		"name: x\nbase: {seed: 3}",
		"name: x\nbase: {extends: osp}",
		"name: x\nbase: {arch: {norm: rmsnrom}}",
		"name: x\nbase: {arch: {norm: {name: rmsnrom}}}",
		"name: x\nbase: {arch: {norm: {epz: 1}}}",
		"name: x\nbase: {optim: {name: adamw, momentum: .9}}", // sgd's and muon's
		"name: x\nbase: {optim: {name: muon, scale: spectrl}}",
		"name: x\nbase: {optim: {groups: {head: {lr: 1}}}}",
		"name: x\narms: {a: {optim: {after_step: {name: tvr, evry: 3}}}}",
		"name: x\narms: [a]",
		"name: x\nseeds: 0",
		"name: x\nonly: [{optm.lr: 1}]",
		"name: x\ngrid: {optm.lr: [1]}",
		"name: x\ngrid: {optim.lr: 1}",
		"name: x\ngrid: {optim.lr: []}",
		"name: x\ngrid: {optim.lr: [fast]}",
		"name: x\nzip: {arch.norm: [rmsnrom]}",
		"name: x\nrandom: {optim.lr: {uniform: [1, 2]}}", // no count
		"name: x\nrandom: {count: 2, optim.lr: {uniform: [1]}}",
		"name: x\nrandom: {count: 2, optim.lr: {unifrom: [1, 2]}}",
	} {
		if err := validate(t, sweep, []byte(src)); err == nil {
			t.Errorf("accepted:\n%s", src)
		}
		if _, err := LoadBytes("s.yaml", []byte(src)); err == nil {
			t.Errorf("the decoder accepts:\n%s", src)
		}
	}
}

// The schema and the decoder take the same scalars, as YAML 1.2's core schema reads them.
func TestSchemaTakesTheDecodersScalars(t *testing.T) {
	sweep, _ := validators(t)
	for _, c := range []struct {
		src string // with %s for the scalar
		ok  string // the scalars that are right, blank separated
		bad string
	}{
		{"name: x\nbase: {train: {steps: %s}}", "8 +8 0x10 0o20 010 1e3 8. 8.0 ~ null Null !!int|'8'",
			"1.5 1_000 0b11 -0x10 .inf True '8' yes 2026-01-01 0o8 1:30 0x"},
		{"name: x\nbase: {optim: {lr: %s}}", "1 .5 1e-3 +1e-3 1. 0x1 ~", "1_0.5 '1' fast on nan .1.2 1e"},
		{"name: x\nbase: {arch: {tied: %s}}", "true True TRUE false FALSE ~", "yes no on 1 0 'true' tRue"},
		{"name: x\nseeds: %s", "2 0x2 1e1 [0x1,3] [1e18] ~", "0 1.5 yes [1_0] [-1] [true]"},
		{"name: x\nbase: {data: {name: text, path: %s}}", "2026-01-01 yes 1_000 1.10 1e3 True 0x10 '7' b", "[a] {a: 1}"},
		{"name: %s", "x 2026 1.10 2026-01-01 true yes 0x10 '7'", "~ [a] -1 'a|b'"},
		{"name: x\nbase: {arch: {norm: %s}}", "layernorm 'layernorm' ~", "1 true layer_norm"},
		{"name: x\ngrid: {train.steps: [%s]}", "8 0x10 1e3 ~", "1.5 '8' 1_000"},
		{"name: x\nrandom: {count: %s, optim.lr: {uniform: [1e-3, 0x1]}}", "2 0x2 2.", "0 2.5 '2' ~"},
	} {
		check := func(scalar string, want bool) {
			t.Helper()
			src := []byte(strings.Replace(c.src, "%s", strings.ReplaceAll(scalar, "|", " "), 1))
			bySchema := sweep.Validate(core(t, src))
			_, byDecoder := LoadBytes("s.yaml", src)
			if (bySchema == nil) != want || (byDecoder == nil) != want {
				t.Errorf("%s: the schema says %v, the decoder %v, want it to be right: %v", src, bySchema, byDecoder, want)
			}
			if byDecoder != nil {
				placed(t, byDecoder)
			}
		}
		for scalar := range strings.FieldsSeq(c.ok) {
			check(scalar, true)
		}
		for scalar := range strings.FieldsSeq(strings.ReplaceAll(c.bad, ": ", ":|")) {
			check(scalar, false)
		}
	}
}

// core reads YAML by the core schema of YAML 1.2, as editors do, and not by the YAML library's, which knows more
// numbers. An infinite number is text, as it is to a JSON Schema.
func core(t *testing.T, src []byte) any {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Load(src, &doc); err != nil {
		t.Fatal(err)
	}
	var value func(n *yaml.Node) any
	value = func(n *yaml.Node) any {
		switch n.Kind {
		case yaml.MappingNode:
			m := map[string]any{}
			for i := 0; i < len(n.Content); i += 2 {
				m[n.Content[i].Value] = value(n.Content[i+1])
			}
			return m
		case yaml.SequenceNode:
			list := []any{}
			for _, item := range n.Content {
				list = append(list, value(item))
			}
			return list
		}
		plain := n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) == 0 || n.Style&yaml.TaggedStyle != 0
		whole := regexp.MustCompile(`^[-+]?[0-9]+$|^0o[0-7]+$|^0x[0-9a-fA-F]+$`).MatchString(n.Value)
		real := regexp.MustCompile(`^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`).MatchString(n.Value)
		switch {
		case plain && slices.Contains([]string{"", "~", "null", "Null", "NULL"}, n.Value):
			return nil
		case plain && slices.Contains([]string{"true", "True", "TRUE", "false", "False", "FALSE"}, n.Value):
			return strings.EqualFold(n.Value, "true")
		case plain && whole:
			base := map[bool]int{true: 0, false: 10}[len(n.Value) > 1 && n.Value[0] == '0' && n.Value[1] > '9']
			x, ok := new(big.Int).SetString(n.Value, base)
			if !ok {
				t.Fatalf("%q is no whole number", n.Value)
			}
			return json.Number(x.String())
		case plain && real:
			x, err := strconv.ParseFloat(n.Value, 64)
			if err != nil {
				t.Fatal(err)
			}
			return json.Number(strconv.FormatFloat(x, 'g', -1, 64))
		}
		return n.Value
	}
	return value(doc.Content[0])
}
