package sweep

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/settings"
	"pgregory.net/rapid"
)

func load(t testing.TB, src string, sets ...string) *Sweep {
	t.Helper()
	s, err := LoadBytes("s.yaml", []byte(src), sets...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func armNames(s *Sweep) (names []string) {
	for _, a := range s.Arms {
		names = append(names, a.Name)
	}
	return names
}

// A point's name says what the point sets, with numbers in their shortest form; the first axis varies slowest.
func TestPointsAreNamedInOrder(t *testing.T) {
	for _, c := range []struct {
		src  string
		want []string
	}{
		{"arms: {a: {}, gated: {arch: {gate: g1}}}\ngrid: {optim.lr: [1e-2, 0.0300]}",
			[]string{"a optim.lr=0.01", "a optim.lr=0.03", "gated optim.lr=0.01", "gated optim.lr=0.03"}},
		{"grid: {arch: {layers: [3, 1]}, arch.norm: [rmsnorm, {name: dyt, alpha: .5}]}",
			[]string{"arch.layers=3 arch.norm=rmsnorm", "arch.layers=3 arch.norm=dyt,alpha=0.5",
				"arch.layers=1 arch.norm=rmsnorm", "arch.layers=1 arch.norm=dyt,alpha=0.5"}},
		{"zip: {arch.layers: [1, 3], arch.width: [32, 96]}\ngrid: {optim.lr: [null, 1]}",
			[]string{"optim.lr=default arch.layers=1 arch.width=32", "optim.lr=default arch.layers=3 arch.width=96",
				"optim.lr=1 arch.layers=1 arch.width=32", "optim.lr=1 arch.layers=3 arch.width=96"}},
		{"random: {count: 2, arch.layers: {choice: [2]}}", []string{"#1 arch.layers=2", "#2 arch.layers=2"}},
		{"grid: {probe.statistics: [[top1, kurtosis], []], data.file: [a/../b.txt]}",
			[]string{"probe.statistics=top1+kurtosis data.file=a_.._b.txt", "probe.statistics= data.file=a_.._b.txt"}},
	} {
		if got := armNames(load(t, "name: x\n"+c.src+"\n")); !slices.Equal(got, c.want) {
			t.Errorf("%s:\ngot  %q\nwant %q", c.src, got, c.want)
		}
	}
}

func TestPointsSetTheirKeys(t *testing.T) {
	s := load(t, "name: x\nbase: {optim: {lr: .5, weight_decay: .25}}\narms: {a: {}, b: {optim: {clip: 3}}}\n"+
		"grid: {optim.momentum: [.5, .25], optim: [sgd, {name: muon, scale: spectral}]}\n",
		"arch.norm={name: dyt, alpha: .5}", "optim.weight_decay=null")
	if len(s.Arms) != 8 {
		t.Fatalf("%d arms, want 2 x 2 x 2", len(s.Arms))
	}
	last := settingsOf(s.Arms[7].Config)
	for key, want := range map[string]any{"optim": "muon", "optim.momentum": .25, "optim.scale": "spectral",
		"optim.lr": .5, "optim.clip": 3.0, "arch.norm": "dyt", "arch.norm.alpha": .5, "optim.weight_decay": .1} {
		if last[key] != want {
			t.Errorf("%s is %v, want %v", key, last[key], want)
		}
	}
	a, b := settingsOf(s.Arms[0].Config)["optim.momentum"], settingsOf(s.Arms[2].Config)["optim.momentum"]
	if a != .5 || b != .25 {
		t.Errorf("momentum %v and %v: the points share their parameters", a, b)
	}
	for _, d := range s.Arms[0].Differs { // the settings of the command line belong to all runs
		if strings.HasPrefix(d.Key, "arch") || d.Key == "optim.weight_decay" {
			t.Errorf("differs by %v, which every run has", d)
		}
	}
	if !strings.HasSuffix(s.Source, "# --set arch.norm={name: dyt, alpha: .5}\n# --set optim.weight_decay=null\n") {
		t.Errorf("the source does not say what was set: %q", s.Source)
	}
	if s := load(t, "name: x\nseeds: 2\n", "seeds=[4]", "name=y"); s.Name != "y" || !slices.Equal(s.Seeds, []uint64{4}) {
		t.Errorf("%s with seeds %v", s.Name, s.Seeds)
	}
}

// Each text is a mistake that a user might make.
//
//nolint:funlen // a table of cases
func TestBadPoints(t *testing.T) {
	for _, c := range []struct{ src, set, want string }{
		{"grid: [a]", "",
			"s.yaml:2:7: grid: wants a map from keys to lists of values, such as {optim.lr: [1e-3, 1e-2]}, got a list"},
		{"grid: {optim.lr: 1}", "",
			"s.yaml:2:18: grid.optim.lr: wants a list of values, got 1: one value for all runs belongs in base"},
		{"grid: {optim.lr: []}", "", "s.yaml:2:18: grid.optim.lr: has no value"},
		{"grid: {optim.lrr: [1]}", "", `s.yaml:2:8: grid.optim: unknown key "lrr", did you mean "lr"? (lr, weight_decay, ` +
			`clip, groups, after_step, beta1, beta2, eps)`},
		{"grid: {optim.lr: [1, fast]}", "", `s.yaml:2:22: grid.optim.lr: wants a number, got the string "fast"`},
		{"grid: {optim.lr.x: [1]}", "", `s.yaml:2:8: grid.optim.lr: is a single value and has no key "x"`},
		{"grid: {arch.norm: [rmsnrom]}", "",
			`s.yaml:2:20: grid.arch.norm: unknown norm "rmsnrom", did you mean "rmsnorm"? (` + variantsOf("arch.norm") + ")"},
		{"grid: {arch: {norm: [{name: dyt, alhpa: 1}]}}", "",
			`s.yaml:2:34: grid.arch.norm: unknown key "alhpa", did you mean "alpha"? (`},
		{"grid: {seed: [1]}", "", "s.yaml:2:8: grid.seed: seeds belong to the whole sweep: set `seeds: [3]` at the top"},
		{"grid: {extends: [osp]}", "", "s.yaml:2:8: grid.extends: presets belong at the top or in arms"},
		{"grid: {optim.lr: [1], optim.lr: [2]}", "", `s.yaml:2:23: grid: key "optim.lr" appears twice, first in line 2`},
		{"grid: {optim.lr: [1], optim: {lr: [2]}}", "",
			"s.yaml:2:31: grid.optim.lr: grid sets optim.lr too, at s.yaml:2:8: leave it out of one of them"},
		{"grid: {arch.norm: [dyt], arch: {norm: [{alpha: .5}, {name: dyt}]}}", "",
			"s.yaml:2:33: grid.arch.norm: grid sets arch.norm too, at s.yaml:2:8: leave it out of one of them"},
		{"grid: {optim.lr: [0.01, 1, 1e-2]}", "",
			"s.yaml:2:28: grid.optim.lr: 1e-2 gives the same configuration as 0.01 in line 2"},
		{"grid: {schedule: [wsd, trapezoidal]}", "",
			"s.yaml:2:24: grid.schedule: trapezoidal gives the same configuration as wsd in line 2"},
		{"grid: {arch.norm: [{name: rmsnorm}, rmsnorm]}", "",
			"s.yaml:2:37: grid.arch.norm: rmsnorm gives the same configuration as rmsnorm in line 2"},
		{"grid: {arch.heads: [2, 3]}", "", "s.yaml:2:24: grid.arch.heads: must divide arch.width (64), is 3; try 2"},
		{"grid: {arch.width: [64, 65]}", "",
			"s.yaml:1:1: arms.baseline: arch.heads must divide arch.width (65), is 2; try 1, in arch.width=65"},
		{"zip: {optim.lr: [1, 2], train.steps: [1]}", "",
			"s.yaml:2:25: zip.train.steps: has 1 value, but optim.lr in line 2 has 2: lists of zip are walked together"},
		{"zip: {optim.lr: [1, 1], train.steps: [2, 2]}", "",
			"s.yaml:2:21: zip.optim.lr: 1 gives the same configuration as 1 in line 2"},
		{"grid: {optim.lr: [1]}\nzip: {optim.lr: [2]}", "",
			"s.yaml:3:7: zip.optim.lr: grid sets optim.lr too, at s.yaml:2:8: leave it out of one of them"},
		{"zip: {optim.lr: [1]}\nrandom: {count: 1, optim.lr: {uniform: [0, 1]}}", "",
			"s.yaml:3:20: random.optim.lr: zip sets optim.lr too, at s.yaml:2:7: leave it out of one of them"},
		{"arms: {a: {}, b: {optim: {lr: 3}}}\ngrid: {optim.lr: [1]}", "",
			"s.yaml:3:8: grid.optim.lr: arm b sets optim.lr too, at s.yaml:2:31: leave it out of one of them"},
		{"arms: {b: {optim: sgd}}\ngrid: {optim: [{name: muon, lr: 1}]}", "",
			"s.yaml:3:8: grid.optim: arm b sets optim too, at s.yaml:2:19: leave it out of one of them"},
		{"random: {optim.lr: {uniform: [0, 1]}}", "", "s.yaml:2:9: random: wants the number of draws, such as `count: 20`"},
		{"random: {count: 0, optim.lr: {uniform: [0, 1]}}", "",
			"s.yaml:2:17: random.count: wants the number of draws, from 1 to 100000, got 0"},
		{"random: {count: 2}", "",
			"s.yaml:2:9: random: draws no key: add one, such as `optim.lr: {log_uniform: [1e-4, 1e-1]}`"},
		{"random: {count: 2, optim.lr: [1, 2]}", "",
			"s.yaml:2:30: random.optim.lr: wants a distribution such as {log_uniform: [1e-4, 1e-1]}, got a list"},
		{"random: {count: 2, optim.lr: {loguniform: [1, 2]}}", "",
			`s.yaml:2:43: random.optim.lr.loguniform: unknown distribution "loguniform", did you mean "log_uniform"? (choice, ` +
				`integer, log_uniform, uniform)`},
		{"random: {count: 2, optim.lr: {log_uniform: [0, 1]}}", "",
			"s.yaml:2:45: random.optim.lr: log_uniform wants numbers above 0, got 0"},
		{"random: {count: 2, optim.lr: {uniform: [2, 1]}}", "",
			"s.yaml:2:40: random.optim.lr: uniform wants [low, high] with low below high, got [2, 1]"},
		{"random: {count: 2, optim.lr: {uniform: [1]}}", "",
			"s.yaml:2:40: random.optim.lr: uniform wants [low, high], got a list"},
		{"random: {count: 2, arch.layers: {integer: [1, 2.5]}}", "",
			"s.yaml:2:47: random.arch.layers: integer wants whole numbers, got 2.5"},
		{"random: {count: 1, arch.layers: {uniform: [1, 2]}}", "",
			"s.yaml:2:20: random.arch.layers: wants a whole number, got 1."},
		{"random: {count: 2, optim.lr: {uniform: [1, 2], choice: [1]}}", "",
			`s.yaml:2:48: random.optim.lr: wants one distribution, got "choice" beside uniform`},
		{"random: {count: 2, arch.norm: {choice: [dyt, dyt]}}", "",
			"s.yaml:2:46: random.arch.norm: dyt comes to the same as dyt in line 2"},
		{"exclude: [{arch.norm: {name: dyt}}]", "",
			"s.yaml:2:23: exclude: wants a value of arch.norm, got a map: write each of its keys dotted, such as optim.lr"},
		{"", "optim.lr", "--set optim.lr: wants KEY=VALUE, such as optim.lr=3e-4; KEY=null restores a default"},
		{"", "optim.lr=", "--set optim.lr: wants KEY=VALUE, such as optim.lr=3e-4; KEY=null restores a default"},
		{"", "optim.lr=fast", `--set optim.lr: wants a number, got the string "fast"`},
		{"grid: {optim.lr: [0.1, 1e-1]}", "",
			"s.yaml:2:24: grid.optim.lr: 1e-1 gives the same configuration as 0.1 in line 2"},
		{"grid: {arch.layers: [2, 0x2]}", "",
			"s.yaml:2:25: grid.arch.layers: 0x2 gives the same configuration as 2 in line 2"},
		{"random: {count: 2, optim.lr: {choice: [0.1, 1e-1]}}", "",
			"s.yaml:2:45: random.optim.lr: 1e-1 comes to the same as 0.1 in line 2"},
		{"", "data.path=a #b", `--set data.path: "a #b" is not a YAML value: holds a comment: put ` +
			"text that contains # in quotes"},
		{"", "optim.lr=1\n---\n2", "--set optim.lr: wants one line"},
		{"", "optim.lr=1_000", `--set optim.lr: wants a number, got the string "1_000"`},
		{"", "optim.lr=[", `--set optim.lr: "[" is not a YAML value: while parsing a flow node: did not ` +
			"find expected node content"},
		{"", "optim.lrr=1", `--set optim.lrr: unknown key "lrr", did you mean "lr"? (lr, weight_decay, clip, groups, ` +
			`after_step, beta1, beta2, eps)`},
		{"", "arch.norm={name: dyt, alpha: x}", `--set arch.norm: alpha: wants a number, got the string "x"`},
		{"", "arch.heads=3", "--set arch.heads: must divide arch.width (64), is 3; try 2"},
		{"", "seed=3", "--set seed: seeds belong to the whole sweep: use `--set seeds=[3]`"},
		{"", "arms.a=3",
			"--set arms.a: belongs in the file: --set takes a key of the configuration, such as optim.lr, or name or seeds"},
		{"", "stopping.above=3",
			"--set stopping.above: belongs in the file: --set takes a key of the configuration, such as optim.lr, or name or " +
				"seeds"},
		{"grid: {optim.lr: [1]}", "optim.lr=2",
			"--set optim.lr: grid sets it too, at s.yaml:2:8, and its runs would have other values in their names: remove it " +
				"from the file"},
	} {
		var sets []string
		if c.set != "" {
			sets = append(sets, c.set)
		}
		_, err := LoadBytes("s.yaml", []byte("name: x\n"+c.src+"\n"), sets...)
		var input *settings.InputError
		if !errors.As(err, &input) {
			t.Errorf("%s %s: got %v, want an *InputError", c.src, c.set, err)
			continue
		}
		if got := err.Error(); got != c.want &&
			(!strings.HasSuffix(c.want, "(") && !strings.HasSuffix(c.want, "1.") || !strings.HasPrefix(got, c.want)) {
			t.Errorf("%s %s:\ngot  %s\nwant %s", c.src, c.set, got, c.want)
		}
	}
}

// A grid may pass through points that cannot be built, if exclude or only leave them out.
func TestExcludedPointsAreNotChecked(t *testing.T) {
	s := load(t, "name: x\narms: {a: {}, b: {optim: {clip: 2}}}\ngrid: {arch.width: [64, 96], arch.heads: [2, 3]}\n"+
		"exclude: [{arch.width: 64, arch.heads: 3}, {arm: b, arch.heads: 3}, {arm: a arch.width=96 arch.heads=2}]\n")
	want := []string{"a arch.width=64 arch.heads=2", "a arch.width=96 arch.heads=3", "b arch.width=64 arch.heads=2",
		"b arch.width=96 arch.heads=2"}
	if got := armNames(s); !slices.Equal(got, want) || len(s.Runs) != 4 {
		t.Errorf("got %q, %d runs, want %q", got, len(s.Runs), want)
	}
}

// A draw is a function of seed, key and number: neither another key nor a larger count changes it. It follows its
// distribution: the mean of 2,000 uniform draws has the standard error (high-low)/sqrt(12*2000).
func TestDrawsArePure(t *testing.T) {
	const head = "name: x\nrandom: {seed: 3, count: %d, optim.lr: {log_uniform: [1e-4, 1e-1]}%s}\n"
	few, many := load(t, fmt.Sprintf(head, 3, "")), load(t,
		fmt.Sprintf(head, 2000,
			", optim.clip: {uniform: [2, 6]}, arch.layers: {integer: [1, 4]}, optim: {choice: [sgd, muon]}"))
	var logs, clips, layers, sgd float64
	for i, a := range many.Arms {
		s := settingsOf(a.Config)
		lr := s["optim.lr"].(float64)
		if i < len(few.Arms) && settingsOf(few.Arms[i].Config)["optim.lr"] != lr {
			t.Errorf("draw %d of lr changes with another key", i)
		}
		if lr < 1e-4 || lr > 1e-1 || lr != rounded(lr) {
			t.Errorf("lr %v", lr)
		}
		logs += math.Log10(lr) / 2000
		clips += s["optim.clip"].(float64) / 2000
		layers += float64(s["arch.layers"].(int64)) / 2000
		if s["optim"] == "sgd" {
			sgd += 1. / 2000
		}
	}
	// Five standard errors; means by hand: -2.5, 4, 2.5 (variance 1.25), 1/2 (variance 1/4).
	for _, c := range []struct{ got, want, err float64 }{{logs, -2.5, 3 / math.Sqrt(24000)},
		{clips, 4, 4 / math.Sqrt(24000)}, {layers, 2.5, math.Sqrt(1.25 / 2000)}, {sgd, .5, .5 / math.Sqrt(2000)}} {
		if math.Abs(c.got-c.want) > 5*c.err {
			t.Errorf("mean %v, want %v within %v", c.got, c.want, 5*c.err)
		}
	}
	other := load(t, strings.Replace(fmt.Sprintf(head, 3, ""), "seed: 3", "seed: 4", 1))
	if slices.Equal(armNames(other), armNames(few)) {
		t.Error("two seeds draw the same")
	}
}

// The runs are arms x grid x zip x draws x seeds, less those that exclude or only leave out. Neither the order of keys
// nor the day changes an id, and the same file gives the same plan.
//
//nolint:funlen // one property, drawn part by part
func TestCountsAndOrder(t *testing.T) {
	grids := []string{"optim.lr: [%s]", "arch.layers: [%s]", "arch.norm: [%s]", "optim: [%s]"}
	values := [][]string{{"1e-3", "1e-2", ".5"}, {"1", "2", "3"}, {"rmsnorm", "ssnorm", "{name: dyt, alpha: .5}"},
		{"adamw", "sgd", "{name: muon, momentum: .5}"}}
	rapid.Check(t, func(r *rapid.T) {
		arms, seeds := rapid.IntRange(1, 2).Draw(r, "arms"), rapid.IntRange(1, 2).Draw(r, "seeds")
		draws := rapid.IntRange(0, 2).Draw(r, "draws")
		zipped := rapid.IntRange(0, 2).Draw(r, "zipped")
		want, lrs := arms*seeds, 0
		var grid []string
		for i, g := range grids {
			n := rapid.IntRange(0, 2).Draw(r, "values")
			if n == 0 {
				continue
			}
			if want *= n; i == 0 {
				lrs = n
			}
			grid = append(grid, fmt.Sprintf(g, strings.Join(values[i][:n], ", ")))
		}
		var parts []string
		for i := range arms {
			parts = append(parts, fmt.Sprintf("a%d: {arch: {width: %d}}", i, 32*(i+1)))
		}
		sections := []string{fmt.Sprintf("arms: {%s}", strings.Join(parts, ", ")), fmt.Sprintf("seeds: %d", seeds)}
		if zipped > 0 {
			want *= zipped
			sections = append(sections, fmt.Sprintf("zip: {train.steps: %v, checkpoint.every: %v}", commas([]int{5, 6}[:zipped]),
				commas([]int{2, 3}[:zipped])))
		}
		if draws > 0 {
			want *= draws
			sections = append(sections, fmt.Sprintf("random: {count: %d, optim.clip: {uniform: [1, 2]}}", draws))
		}
		if len(grid) > 0 {
			sections = append(sections, "grid: {"+strings.Join(grid, ", ")+"}")
		}
		switch {
		case lrs > 1 && rapid.Bool().Draw(r, "exclude"):
			sections = append(sections, "exclude: [{optim.lr: 0.01}]") // the second of lr's values
			want = want / lrs * (lrs - 1)
		case rapid.Bool().Draw(r, "only"):
			sections = append(sections, "only: [{arm: a0, seed: 0}]")
			want /= arms * seeds
		}
		ids := func(sections []string) (all []string) {
			s, err := LoadBytes("s.yaml", []byte("name: x\n"+strings.Join(sections, "\n")+"\n"))
			if err != nil {
				r.Fatalf("%v:\n%s", err, strings.Join(sections, "\n"))
			}
			for _, one := range s.Runs {
				all = append(all, settings.Fingerprint(settings.Of(&one.Config)))
			}
			return all
		}
		got := ids(sections)
		if again := ids(sections); !slices.Equal(got, again) {
			r.Fatal("the same file gives another plan")
		}
		if len(got) != want {
			r.Fatalf("%d runs, want %d:\n%s", len(got), want, strings.Join(sections, "\n"))
		}
		if len(grid) > 0 {
			for i, section := range sections {
				if strings.HasPrefix(section, "grid") {
					sections[i] = "grid: {" + strings.Join(rapid.Permutation(grid).Draw(r, "keys"), ", ") + "}"
				}
			}
		}
		moved := ids(rapid.Permutation(sections).Draw(r, "sections"))
		slices.Sort(got)
		slices.Sort(moved)
		if !slices.Equal(got, moved) {
			r.Fatal("the order of keys changes the runs")
		}
	})
}

func commas(n []int) string { return strings.ReplaceAll(fmt.Sprint(n), " ", ", ") }
