package archs

import (
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/rng"
)

// level is one value of a factor; factors are the choices in an architecture.
type level struct {
	name string
	set  func(*Config)
}

type factor struct {
	name   string
	levels []level
}

// slotFactor is a slot with all variants of its registry, the default first, and further levels for settings of
// interest.
func slotFactor(name string, slot func(*Config) chooser, more ...level) factor {
	c := Default()
	f := factor{name: name}
	add := func(variant string) {
		f.levels = append(f.levels, level{variant, func(c *Config) {
			if err := slot(c).Choose(variant); err != nil {
				panic(err)
			}
		}})
	}
	add(slot(&c).Chosen())
	for _, variant := range slot(&c).Names() {
		if variant != slot(&c).Chosen() {
			add(variant)
		}
	}
	f.levels = append(f.levels, more...)
	return f
}

func flagFactor(name string, set func(c *Config, on bool)) factor {
	return factor{name, []level{{"off", func(c *Config) { set(c, false) }}, {"on", func(c *Config) { set(c, true) }}}}
}

// gateFactor varies one setting of a gate; without a gate only the first level is allowed.
func gateFactor(name string, set func(g *LearnedGate, value string), values ...string) factor {
	f := factor{name: name}
	for i, value := range values {
		f.levels = append(f.levels, level{value, func(c *Config) {
			if g, ok := c.Gate.Value.(*LearnedGate); ok {
				set(g, value)
			} else if i > 0 {
				c.Layers = 0 // refused
			}
		}})
	}
	return f
}

type chooser = interface {
	Choose(string) error
	Names() []string
	Chosen() string
}

func factors() []factor {
	return []factor{
		slotFactor("attention", func(c *Config) chooser { return &c.Attention },
			level{"sigmoid/log_n",
				func(c *Config) { _ = c.Attention.Choose("sigmoid"); c.Attention.Value.(*Sigmoid).Bias = "minus_log_n" }},
			level{"sigmoid/normalised",
				func(c *Config) { _ = c.Attention.Choose("sigmoid"); c.Attention.Value.(*Sigmoid).Normalised = true }}),
		slotFactor("gate", func(c *Config) chooser { return &c.Gate }),
		slotFactor("norm", func(c *Config) chooser { return &c.Norm },
			level{"layernorm/no_bias",
				func(c *Config) { _ = c.Norm.Choose("layernorm"); c.Norm.Value.(*LayerNorm).Bias = false }},
			level{"dyt/llama", func(c *Config) {
				_ = c.Norm.Choose("dyt")
				c.Norm.Value.(*DyT).Beta, c.Norm.Value.(*DyT).EmbedScale = false, true
			}}),
		slotFactor("mlp", func(c *Config) chooser { return &c.MLP }),
		slotFactor("init", func(c *Config) chooser { return &c.Init }),
		slotFactor("position", func(c *Config) chooser { return &c.Position },
			level{"rope/half", func(c *Config) { _ = c.Position.Choose("rope"); c.Position.Value.(*RoPE).Fraction = 0.5 }}),
		slotFactor("placement", func(c *Config) chooser { return &c.NormPlacement }),
		slotFactor("kv_bias", func(c *Config) chooser { return &c.KVBias }),
		slotFactor("block", func(c *Config) chooser { return &c.Block }),
		gateFactor("activation", func(g *LearnedGate, v string) { g.Activation = v }, "sigmoid", "ns_sigmoid", "silu",
			"identity"),
		gateFactor("granularity", func(g *LearnedGate, v string) { g.Granularity = v }, "elementwise", "headwise"),
		gateFactor("combine", func(g *LearnedGate, v string) { g.Combine = v }, "multiply", "add"),
		gateFactor("shared", func(g *LearnedGate, v string) { g.Shared = v == "shared" }, "", "shared"),
		gateFactor("reads", func(g *LearnedGate, v string) { g.Sparse, g.InputIndependent = v == "sparse", v == "nothing" },
			"", "sparse", "nothing"),
		gateFactor("match", func(g *LearnedGate, v string) { g.MatchParams = v == "match" }, "", "match"),
		flagFactor("qk_norm", func(c *Config, on bool) { c.QKNorm = on }),
		flagFactor("grouped", func(c *Config, on bool) { c.KVHeads = map[bool]int{true: 2}[on] }),
		flagFactor("registers", func(c *Config, on bool) { c.Registers = map[bool]int{true: 2}[on] }),
		flagFactor("attn_biases", func(c *Config, on bool) { c.Attention.Biases = on }),
		flagFactor("mlp_biases", func(c *Config, on bool) { c.MLP.Biases = on }),
		flagFactor("tied", func(c *Config, on bool) { c.Tied = on }),
		flagFactor("proj", func(c *Config, on bool) { c.EmbedProj = on }),
	}
}

func configOf(fs []factor, row []int) Config {
	c := small()
	for i, f := range fs {
		f.levels[row[i]].set(&c)
	}
	return c
}

// cover lists rows of levels that contain every pair of levels of any valid architecture. It is greedy: each row starts
// from an uncovered pair, and each further factor takes the valid level that covers most.
func cover(fs []factor) [][]int {
	type pair struct{ f, i, g, j int }
	left := make(map[pair]bool)
	var order []pair
	for f := range fs {
		for g := f + 1; g < len(fs); g++ {
			for i := range fs[f].levels {
				for j := range fs[g].levels {
					left[pair{f, i, g, j}] = true
					order = append(order, pair{f, i, g, j})
				}
			}
		}
	}
	gain := func(row []int, f, i int, fixed []bool) (n int) {
		for g := range fs {
			if fixed[g] && (g > f && left[pair{f, i, g, row[g]}] || g < f && left[pair{g, row[g], f, i}]) {
				n++
			}
		}
		return n
	}
	random := rng.New(0, "cover").Rand()
	var rows [][]int
	for _, p := range order {
		if !left[p] {
			continue
		}
		row, fixed := make([]int, len(fs)), make([]bool, len(fs))
		row[p.f], row[p.g], fixed[p.f], fixed[p.g] = p.i, p.j, true, true
		// A gate's settings need a gate, which the pair itself may lack.
		const gate = 1
		for place := 0; place < len(fs[gate].levels) && !fixed[gate] && configOf(fs, row).Validate() != nil; place++ {
			row[gate] = place
		}
		if configOf(fs, row).Validate() != nil {
			delete(left, p) // no architecture has it, or none with all other levels at their defaults
			continue
		}
		for _, f := range random.Perm(len(fs)) {
			if fixed[f] {
				continue
			}
			best, most, old := row[f], -1, row[f]
			for _, i := range random.Perm(len(fs[f].levels)) {
				if row[f] = i; configOf(fs, row).Validate() == nil && gain(row, f, i, fixed) > most {
					best, most = i, gain(row, f, i, fixed)
				}
			}
			if row[f] = best; most < 0 {
				row[f] = old
			}
			fixed[f] = true
		}
		for f := range fs {
			for g := f + 1; g < len(fs); g++ {
				delete(left, pair{f, row[f], g, row[g]})
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// everyArch calls f with small architectures that cover all pairs of levels.
func everyArch(t *testing.T, f func(t *testing.T, c Config)) {
	t.Helper()
	fs := factors()
	for _, row := range cover(fs) {
		var name []string
		for i, at := range row {
			if at > 0 {
				name = append(name, fs[i].name+"="+fs[i].levels[at].name)
			}
		}
		t.Run(strings.Join(name, ","), func(t *testing.T) { f(t, configOf(fs, row)) })
	}
}

// TestCoverHoldsEveryVariant: every variant of a registry is in some row, with and without each flag.
func TestCoverHoldsEveryVariant(t *testing.T) {
	fs := factors()
	rows := cover(fs)
	t.Logf("%d architectures", len(rows))
	for f := range fs {
		for i, l := range fs[f].levels {
			for g := len(fs) - 7; g < len(fs); g++ { // the flags, which go with anything
				for on := range 2 {
					found := f == g && i != on
					for _, row := range rows {
						found = found || row[f] == i && row[g] == on
					}
					if !found {
						t.Errorf("no row has %s=%s with %s=%s", fs[f].name, l.name, fs[g].name, fs[g].levels[on].name)
					}
				}
			}
		}
	}
}
