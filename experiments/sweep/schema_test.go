package sweep

import (
	"bytes"
	"encoding/json"
	"reflect"
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
	if err := c.AddResource("sweep.json", doc); err != nil {
		t.Fatal(err)
	}
	if sweep, err = c.Compile("sweep.json"); err != nil {
		t.Fatal(err)
	}
	if preset, err = c.Compile("sweep.json#/$defs/preset"); err != nil {
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
