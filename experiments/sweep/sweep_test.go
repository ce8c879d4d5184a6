package sweep

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/archs"
	"github.com/outcrop-lab/outcrop/configs"
	"github.com/outcrop-lab/outcrop/probes"
	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/trainer"
	"github.com/outcrop-lab/outcrop/variant"
)

// Each text is a mistake that a user might make. Each message gives what the contract promises: file, line, column,
// dotted key, and the nearest valid choice.
//
//nolint:funlen // a table of cases
func TestBadInput(t *testing.T) {
	for _, c := range []struct{ name, src, want string }{
		{"empty", "  \n", "s.yaml: is empty"},
		{"not YAML", "a: [1\nb: 2\n",
			"s.yaml:2:2: is not YAML: while parsing a flow sequence: did not find expected ',' or ']'"},
		{"two documents", "name: x\n---\nname: y\n",
			"s.yaml:2:1: wants one YAML document, and here a second one begins"},
		{"a list", "- a\n", "s.yaml:1:1: wants a map of keys, got a list"},
		{"unknown key at the top", "name: x\nseds: 2\n",
			`s.yaml:2:1: unknown key "seds", did you mean "seeds"? (name, extends, base, arms, grid, zip, random, seeds, ` +
				`exclude, only, stopping)`},
		{"no name", "seeds: 1\n", "s.yaml:1:1: name: is missing: a sweep needs a name"},
		{"name as a path", "name: ../x\n",
			"s.yaml:1:7: name: wants " + settings.NameRule + `, got the string "../x"`},
		{"unknown key", "name: x\nbase:\n  train: {stepz: 3}\n",
			`s.yaml:3:11: base.train: unknown key "stepz", did you mean "steps"? (steps, batch, slices, precision)`},
		{"misspelt variant", "name: x\nbase: {arch: {norm: rmsnrom}}\n",
			`s.yaml:2:21: base.arch.norm: unknown norm "rmsnrom", did you mean "rmsnorm"? (` + variantsOf("arch.norm") + ")"},
		{"misspelt variant in a map", "name: x\nbase: {arch: {norm: {name: rmsnrom, eps: 1}}}\n",
			`s.yaml:2:28: base.arch.norm: unknown norm "rmsnrom", did you mean "rmsnorm"? (` + variantsOf("arch.norm") + ")"},
		{"float for int", "name: x\nbase: {train: {steps: 1.5}}\n",
			"s.yaml:2:23: base.train.steps: wants a whole number, got 1.5"},
		{"text for number", "name: x\nbase: {optim: {lr: '1e-3'}}\n",
			`s.yaml:2:20: base.optim.lr: wants a number, got the string "1e-3"`},
		{"infinite", "name: x\nbase: {optim: {lr: .inf}}\n", "s.yaml:2:20: base.optim.lr: wants a number, got .inf"},
		{"yes for true", "name: x\nbase: {arch: {tied: yes}}\n",
			`s.yaml:2:21: base.arch.tied: wants true or false, got the string "yes"`},
		{"map for number", "name: x\nbase: {arch: {width: {a: 1}}}\n",
			"s.yaml:2:22: base.arch.width: wants a whole number, got a map"},
		{"number for map", "name: x\nbase: {arch: 3}\n", "s.yaml:2:14: base.arch: wants a map, got 3"},
		{"list for slot", "name: x\nbase: {arch: {norm: [a]}}\n",
			"s.yaml:2:21: base.arch.norm: wants a name, or a map with a name and parameters, got a list"},
		{"duplicate key", "name: x\nbase:\n  seed: 1\n  train: {steps: 1, steps: 2}\n",
			`s.yaml:4:21: base.train: key "steps" appears twice, first in line 4`},
		{"seed in base", "name: x\nbase:\n  seed: 1\n",
			"s.yaml:3:9: base.seed: seeds belong to the whole sweep: set `seeds: [3]` at the top"},
		{"duplicate", "name: x\nbase:\n  train: {steps: 1, steps: 2}\n",
			`s.yaml:3:21: base.train: key "steps" appears twice, first in line 3`},
		{"alias", "name: x\nbase: {train: &a {steps: 1}, checkpoint: *a}\n",
			"s.yaml:2:42: base.checkpoint: aliases are not supported: repeat it, or move it to base"},
		{"alias of an arm", "name: x\narms:\n  a: &a {train: {steps: 1}}\n  b: *a\n",
			"s.yaml:4:6: arms.b: aliases are not supported: repeat it, or move it to base"},
		{"alias in a list", "name: x\ngrid: {optim.lr: [&a 1, *a]}\n",
			"s.yaml:2:25: grid.optim.lr: aliases are not supported: repeat it, or move it to base"},
		{"tab", "name: x\nbase:\n\ttrain: {steps: 1}\n", "s.yaml:3:1: a tab: YAML wants spaces to indent"},
		{"not UTF-8", "name: x\nbase: {data: {path: caf\xe9}}\n",
			"s.yaml:2:24: the byte 0xe9 is not UTF-8: save the file as UTF-8"},
		{"null for a list", "name: x\nbase: {probe: {sites: [~]}}\n",
			"s.yaml:2:24: base.probe.sites: wants a string, got nothing"},
		{"merge key", "name: x\nbase: {<<: {train: {}}}\n",
			"s.yaml:2:8: base: merge keys (<<) are not supported: arms are merged over base"},
		{"no seeds", "name: x\nseeds: 0\n",
			"s.yaml:2:8: seeds: wants the number of seeds, from 1 to 100000, or a list of seeds, got 0"},
		{"seed twice", "name: x\nseeds: [1, 1]\n", "s.yaml:2:12: seeds: seed 1 appears twice"},
		{"arms as a list", "name: x\narms: [a]\n",
			"s.yaml:2:7: arms: wants a map from an arm's name to what it changes, got a list"},
		{"unknown key in an arm", "name: x\narms:\n  a: {}\n  b: {arhc: {}}\n",
			`s.yaml:4:7: arms.b: unknown key "arhc", did you mean "arch"? (arch, optim, schedule, data, train, probe, ` +
				`checkpoint, seed)`},
		{"key of another variant", "name: x\nbase: {optim: {name: adamw, ns_steps: 5}}\n",
			`s.yaml:2:29: base.optim: unknown key "ns_steps"`},
		{"rule key", "name: x\nexclude: [{optm.lr: 1}]\n",
			`s.yaml:2:12: exclude: no run has a key "optm.lr", did you mean "optim.lr"?`},
		{"rule value", "name: x\nonly: [{arm: gatde}]\n", "s.yaml:2:8: only: matches no run"},
		{"nothing left", "name: x\nexclude: [{seed: 0}]\n", "s.yaml:2:10: exclude: leaves no run"},
		{"width by heads", "name: x\nbase:\n  arch: {width: 65, heads: 2}\n", "s.yaml:3:"},
		{"width by heads in an arm", "name: x\narms:\n  a: {}\n  wide: {arch: {width: 65}}\n", "s.yaml:4:"},
		{"unknown statistic", "name: x\nbase: {probe: {statistics: [top1, kurtosos]}}\n",
			`s.yaml:2:28: base.probe.statistics: unknown statistic "kurtosos", did you mean "kurtosis"? (` +
				strings.Join(probes.Names(), ", ") + ")"},
		{"unknown site of an arm", "name: x\narms:\n  a: {probe: {sites: [mlp.axt]}}\n",
			`s.yaml:3:22: arms.a.probe.sites: unknown site "mlp.axt", did you mean "mlp.act"? (` +
				strings.Join(archs.Sites(), ", ") + ")"},
		{"batch by slices", "name: x\nbase: {train: {batch: 5}}\n",
			"s.yaml:2:23: base.train.batch: must be a positive multiple of train.slices (2), is 5"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := LoadBytes("s.yaml", []byte(c.src))
			var input *settings.InputError
			if !errors.As(err, &input) {
				t.Fatalf("got %v, want an *InputError", err)
			}
			prefix := strings.HasPrefix(c.name, "key of") || strings.HasPrefix(c.name, "width") &&
				strings.Contains(err.Error(), "65")
			if got := err.Error(); got != c.want && (!prefix || !strings.HasPrefix(got, c.want)) {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestFaultsAreGathered(t *testing.T) {
	_, err := LoadBytes("s.yaml",
		[]byte("name: x\narms:\n  a: {train: {stepz: 1}, arch: {norm: none1}}\n  b: {optim: {lr: fast}}\n"))
	var input *settings.InputError
	if !errors.As(err, &input) || len(input.Faults) != 3 {
		t.Fatalf("got %v, want three faults", err)
	}
	lines := []int{input.Faults[0].Line, input.Faults[1].Line, input.Faults[2].Line}
	if !slices.Equal(lines, []int{3, 3, 4}) {
		t.Errorf("lines %v, want 3, 3, 4", lines)
	}
}

// variantsOf lists the variants of a slot, as a message does.
func variantsOf(slot string) string {
	var names []string
	for _, v := range variant.List(defaults()) {
		if v.Slot == slot {
			names = append(names, v.Name)
		}
	}
	return strings.Join(names, ", ")
}

// defaults points to a default configuration.
func defaults() *trainer.Config {
	c := trainer.Default()
	return &c
}

func settingsOf(c trainer.Config) map[string]any {
	m := map[string]any{}
	for _, s := range settings.Of(&c) {
		m[s.Key] = s.Value
	}
	return m
}

func TestMerge(t *testing.T) {
	s, err := LoadBytes("s.yaml", []byte(`
name: merging
base:
  optim: {name: adamw, lr: 1, beta1: 0.5, weight_decay: 1e-3, clip: 2}
  probe: {every: {name: pythia, then: 7}}
  train: {steps: 30}
arms:
  same: {}
  twice: {optim: {beta2: .25}}
  muon: {optim: {name: muon}}
  scalar: {optim: muon, probe: {every: steps}}
  back: {train: {steps: null}, optim: null}
  nothing:
seeds: [4, 9007199254740993]
`))
	if err != nil {
		t.Fatal(err)
	}
	arm := func(i int) map[string]any { return settingsOf(s.Arms[i].Config) }
	for i, want := range []map[string]any{
		{"optim": "adamw", "optim.lr": 1.0, "optim.beta1": 0.5, "optim.weight_decay": 1e-3, "optim.clip": 2.0,
			"probe.every.then": int64(7), "train.steps": int64(30)},
		{"optim": "adamw", "optim.beta1": 0.5, "optim.beta2": 0.25, "optim.lr": 1.0}, // maps merge key by key
		// A slot's own parameters fall away when its name changes; its common keys stay.
		{"optim": "muon", "optim.lr": 1.0, "optim.weight_decay": 1e-3, "optim.clip": 2.0},
		{"optim": "muon", "optim.lr": 1.0, "probe.every": "steps", "train.steps": int64(30)},
		{"optim": "adamw", "optim.lr": settingsOf(trainer.Default())["optim.lr"],
			"optim.beta1": settingsOf(trainer.Default())["optim.beta1"], "train.steps": int64(1000)},
	} {
		got := arm(i)
		for key, value := range want {
			if got[key] != value {
				t.Errorf("%s: %s is %v, want %v", s.Arms[i].Name, key, got[key], value)
			}
		}
	}
	if got := arm(2)["optim.beta1"]; got == 0.5 {
		t.Error("muon keeps adamw's beta1")
	}
	if _, has := arm(3)["probe.every.then"]; has {
		t.Error("steps keeps pythia's then")
	}
	if d := s.Arms[1].Differs; len(d) != 1 || d[0].String() != "optim.beta2: 0.25" {
		t.Errorf("twice differs by %v, want optim.beta2: 0.25 alone", d)
	}
	if len(s.Arms[5].Differs) != 0 || len(s.Runs) != 12 || s.Runs[6].Config.Seed != 9007199254740993 {
		t.Errorf("%d runs, want 12, seed by seed; %v", len(s.Runs), s.Arms[5].Differs)
	}
}

func TestExcludeAndOnly(t *testing.T) {
	const head = "name: x\narms: {a: {}, b: {optim: {lr: 1e-2}, arch: {norm: ssnorm}}, c: {optim: {lr: 0.5}, schedule: " +
		"trapezoidal}}\nseeds: 3\n"
	for _, c := range []struct {
		rules string
		want  string
	}{
		{"", "a0 b0 c0 a1 b1 c1 a2 b2 c2"},
		{"exclude: [{arm: b, optim.lr: 0.01}]", "a0 c0 a1 c1 a2 c2"},
		{"exclude: [{arm: a, seed: 1}, {seed: 2}]", "a0 b0 c0 b1 c1"},
		{"only: [{arch.norm: ssnorm}]", "b0 b1 b2"},
		{"only: [{schedule: wsd}]", "c0 c1 c2"}, // another name of trapezoidal
		{"only: [{arm: a}, {arm: c}]\nexclude: [{seed: 0}]", "a1 c1 a2 c2"},
	} {
		s, err := LoadBytes("s.yaml", []byte(head+c.rules))
		if err != nil {
			t.Errorf("%s: %v", c.rules, err)
			continue
		}
		var got []string
		for _, r := range s.Runs {
			got = append(got, fmt.Sprint(r.Arm.Name, r.Config.Seed))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: got %v, want %s", c.rules, got, c.want)
		}
	}
}

func TestEmbeddedSweeps(t *testing.T) {
	for _, name := range configs.Sweeps() {
		src, _ := configs.Sweep(name)
		s, err := LoadBytes(name+".yaml", src)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if s.Name != name {
			t.Errorf("%s calls itself %s", name, s.Name)
		}
		for _, r := range s.Runs {
			points := 0
			for step := range r.Config.Train.Steps + 1 {
				if step == r.Config.Train.Steps || r.Config.Probe.Every.Value.At(step) {
					points++
				}
			}
			// A curve of five parameters wants five points for each; more would take more than a twentieth of the quickstart.
			if points < 25 {
				t.Errorf("%s, %s: %d probe points, want at least 25", name, r.Arm.Name, points)
			}
		}
	}
}

// A common key of a slot must not hide a parameter of one of its variants.
func TestKeysAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range settings.Of(defaults()) {
		if seen[s.Key] {
			t.Errorf("key %s appears twice", s.Key)
		}
		seen[s.Key] = true
	}
}
