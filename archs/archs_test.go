package archs

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/optim"
	"github.com/outcrop-lab/outcrop/rng"
	"github.com/outcrop-lab/outcrop/variant"
)

func TestDefaultIsValid(t *testing.T) {
	if err := Default().Validate(); err != nil {
		t.Fatal(err)
	}
}

func TestValidateNamesTheKey(t *testing.T) {
	for _, test := range []struct {
		key    string
		change func(*Config)
	}{
		{"arch.layers", func(c *Config) { c.Layers = 0 }},
		{"arch.width", func(c *Config) { c.Width = -1 }},
		{"arch.heads", func(c *Config) { c.Heads = 3 }},
		{"arch.heads", func(c *Config) { c.Heads = 0 }},
		{"arch.heads", func(c *Config) { c.Heads = 1000 }},
		{"arch.context", func(c *Config) { c.Context = 0 }},
		{"arch.vocab", func(c *Config) { c.Vocab = -1 }},
		{"arch.init.std", func(c *Config) { c.Init.Std = 0 }},
		{"arch.init.std", func(c *Config) { c.Init.Std = math.NaN() }},
		{"arch.norm.eps", func(c *Config) { c.Norm.Value.(*RMSNorm).Eps = 0 }},
		{"arch.mlp.multiple", func(c *Config) { c.MLP.Value.(*GELU).Multiple = 0 }},
		{"arch.position.name", func(c *Config) { c.Heads = 64 }},
		{"arch.position.theta", func(c *Config) { c.Position.Value.(*RoPE).Theta = -1 }},
		{"arch.gate.granularity", func(c *Config) {
			_ = c.Gate.Choose("g1")
			c.Gate.Value.(*LearnedGate).Granularity = "elementwse"
		}},
	} {
		c := Default()
		test.change(&c)
		var fault *variant.Error
		if err := c.Validate(); !errors.As(err, &fault) || fault.Key != test.key {
			t.Errorf("%v, want an error at %s", err, test.key)
		}
	}
}

func TestParamsAgreeWithWeights(t *testing.T) {
	kinds := []string{string(optim.Matrix), string(optim.Vector), string(optim.Scalar), string(optim.Embedding), string(optim.Head)}
	everyArch(t, func(t *testing.T, c Config) {
		params, err := Params(c)
		if err != nil {
			t.Fatal(err)
		}
		w, err := NewWeights(c, newCPU(t), rng.New(0, "init"))
		if err != nil {
			t.Fatal(err)
		}
		seen := make(map[string]int)
		for i, p := range params {
			q := w.Params()[i]
			if p.Name != q.Name || p.Layer != q.Layer || p.Kind != q.Kind || !slices.Equal(p.Shape, q.Shape) {
				t.Errorf("parameter %d: %v, among the weights %v", i, p, q)
			}
			if _, twice := seen[p.Name]; twice {
				t.Errorf("%s is declared twice", p.Name)
			}
			seen[p.Name] = i
			if !slices.Contains(kinds, p.Kind) {
				t.Errorf("%s is of kind %q", p.Name, p.Kind)
			}
			if inBlock := strings.HasPrefix(p.Name, "blocks."); inBlock != (p.Layer >= 0) {
				t.Errorf("%s is of layer %d", p.Name, p.Layer)
			}
		}
		if q := seen["blocks.1.attn.q"]; seen["blocks.1.attn.k"] != q+1 || seen["blocks.1.attn.v"] != q+2 {
			t.Error("q, k and v are not adjacent")
		}
		if _, head := seen["head"]; head == c.Tied {
			t.Errorf("tied %v, head %v", c.Tied, head)
		}
	})
}

// TestArmsShareTheirStart: whatever differs between two architectures, parameters of equal name and shape begin equal.
func TestArmsShareTheirStart(t *testing.T) {
	base := small()
	other := small()
	choose(t, &other.Norm, "ssnorm")
	choose(t, &other.Gate, "g1")
	choose(t, &other.KVBias, "kv")
	choose(t, &other.Position, "learned")
	other.EmbedProj = true
	values := func(c Config, seed uint64) map[string][]float32 {
		w, err := NewWeights(c, newCPU(t), rng.New(seed, "init"))
		if err != nil {
			t.Fatal(err)
		}
		all := make(map[string][]float32)
		for i, p := range w.Params() {
			all[p.Name] = slices.Clone(w.Value(i).Host())
		}
		return all
	}
	a, b, c := values(base, 5), values(other, 5), values(base, 6)
	shared := 0
	for name, x := range a {
		if y, ok := b[name]; ok && len(x) == len(y) {
			shared++
			if !slices.Equal(x, y) {
				t.Errorf("%s differs between the arms", name)
			}
		}
		if !strings.HasSuffix(name, "gain") && slices.Equal(x, c[name]) {
			t.Errorf("%s does not depend on the seed", name)
		}
	}
	if shared < 14 { // embedding, head and six matrices in each of two blocks
		t.Errorf("only %d parameters are shared", shared)
	}
}

// TestInit: the mean is within 4 standard errors of 0, std within 4 of init.std; a projection's rows are orthonormal.
func TestInit(t *testing.T) {
	c := Default()
	c.Vocab, c.EmbedProj = 100, true
	w, err := NewWeights(c, newCPU(t), rng.New(0, "init"))
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range w.Params() {
		x := w.Value(i).Host()
		switch {
		case strings.HasPrefix(p.Name, "embed_proj"):
			for a := range c.Width {
				for b := range c.Width {
					sum := 0.0
					for k := range c.Width {
						sum += float64(x[a*c.Width+k]) * float64(x[b*c.Width+k])
					}
					if want := map[bool]float64{true: 1}[a == b]; math.Abs(sum-want) > 1e-6 {
						t.Fatalf("%s: rows %d and %d have product %v", p.Name, a, b, sum)
					}
				}
			}
		case p.Kind == "vector":
			if slices.Min(x) != 1 || slices.Max(x) != 1 {
				t.Errorf("%s does not begin at 1", p.Name)
			}
		default:
			sum, squares, n := 0.0, 0.0, float64(len(x))
			for _, v := range x {
				sum += float64(v)
				squares += float64(v) * float64(v)
			}
			if mean := sum / n; math.Abs(mean) > 4*0.02/math.Sqrt(n) {
				t.Errorf("%s has mean %v", p.Name, mean)
			}
			if std := math.Sqrt(squares / n); math.Abs(std/0.02-1) > 4/math.Sqrt(2*n) {
				t.Errorf("%s has standard deviation %v", p.Name, std)
			}
		}
	}
}

func TestBuildRefuses(t *testing.T) {
	c := small()
	dev := newCPU(t)
	w, err := NewWeights(c, dev, rng.New(0, "init"))
	if err != nil {
		t.Fatal(err)
	}
	shape := Shape{Batch: 1, Tokens: 5}
	unknown := c
	unknown.Vocab = 0
	if _, err := Build(unknown, shape, dev, w, nil); err == nil {
		t.Error("an unknown vocabulary is no error")
	}
	other := c
	other.Tied = true
	if _, err := Build(other, shape, dev, w, nil); err == nil {
		t.Error("another architecture's weights are no error")
	}
	other = c
	other.MLP.Value = &GELU{Expansion{Multiple: 2}}
	if _, err := Build(other, shape, dev, w, nil); err == nil {
		t.Error("weights of another shape are no error")
	}
	if _, err := Build(c, Shape{}, dev, w, nil); err == nil {
		t.Error("no sequences are no error")
	}
	if _, err := Build(c, shape, dev, w, []string{"resid_pots"}); err == nil || !strings.Contains(err.Error(), `did you mean "resid_post"?`) {
		t.Errorf("a misspelt site: %v", err)
	}
}
