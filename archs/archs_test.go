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

func TestValidateNamesTheKey(t *testing.T) { //nolint:funlen // a table
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
		{"arch.kv_heads", func(c *Config) { c.KVHeads = -1 }},
		{"arch.kv_heads", func(c *Config) { c.Heads, c.KVHeads = 4, 3 }},
		{"arch.kv_heads", func(c *Config) { c.KVHeads = 4 }},
		{"arch.registers", func(c *Config) { c.Registers = -1 }},
		{"arch.norm.alpha", func(c *Config) { choose(t, &c.Norm, "dyt"); c.Norm.Value.(*DyT).Alpha = -1 }},
		{"arch.norm_placement.name", func(c *Config) { choose(t, &c.Norm, "none"); choose(t, &c.NormPlacement, "sandwich") }},
		{"arch.norm_placement.name", func(c *Config) {
			choose(t, &c.Block, "parallel")
			choose(t, &c.NormPlacement, "post")
		}},
		{"arch.attention.bias", func(c *Config) {
			choose(t, &c.Attention, "sigmoid")
			c.Attention.Value.(*Sigmoid).Bias = "-ln n"
		}},
		{"arch.kv_bias.name", func(c *Config) { choose(t, &c.Attention, "softmax1"); choose(t, &c.KVBias, "kv") }},
		{"arch.kv_bias.name", func(c *Config) { choose(t, &c.Attention, "sink_logit"); choose(t, &c.KVBias, "k") }},
		{"arch.kv_bias.name", func(c *Config) { choose(t, &c.Attention, "relu"); choose(t, &c.KVBias, "k") }},
		{"arch.mlp.multiple", func(c *Config) { choose(t, &c.MLP, "swiglu"); c.MLP.Value.(*SwiGLU).Multiple = 0.01 }},
		{"arch.mlp.multiple", func(c *Config) { c.MLP.Value.(*GELU).Multiple = math.NaN() }},
		{"arch.position.fraction", func(c *Config) { c.Position.Value.(*RoPE).Fraction = 1.5 }},
		{"arch.position.fraction", func(c *Config) { c.Position.Value.(*RoPE).Fraction = 0.01 }},
		{"arch.gate.granularity", gated("g5", func(g *LearnedGate) { g.Granularity = "headwise" })},
		{"arch.gate.shared", gated("g5", func(g *LearnedGate) { g.Shared = true })},
		{"arch.gate.sparse", gated("g1", func(g *LearnedGate) { g.Sparse, g.InputIndependent = true, true })},
		{"arch.gate.sparse", func(c *Config) { gated("g1", func(g *LearnedGate) { g.Sparse = true })(c); c.Width = 8 }},
		{"arch.gate.activation", gated("g1", func(g *LearnedGate) { g.Activation = "tanh" })},
		{"arch.gate.match_params", func(c *Config) {
			gated("g1", func(g *LearnedGate) { g.MatchParams = true })(c)
			c.MLP.Value.(*GELU).Multiple = 0.4
		}},
		{"arch.gate.granularity", func(c *Config) { // one score for a row, which sandwich's norm undoes
			gated("g1", func(g *LearnedGate) { g.Granularity, g.Shared = "headwise", true })(c)
			choose(t, &c.NormPlacement, "sandwich")
		}},
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

func gated(place string, set func(g *LearnedGate)) func(*Config) {
	return func(c *Config) {
		_ = c.Gate.Choose(place)
		set(c.Gate.Value.(*LearnedGate))
	}
}

// TestEveryVariantIsDocumented: each variant has a formula and a source, and each parameter a text.
func TestEveryVariantIsDocumented(t *testing.T) {
	c := Default()
	slots := map[string]int{}
	for _, v := range variant.List(&c) {
		slots[v.Slot]++
		if v.Formula == "" {
			t.Errorf("%s %s has no formula", v.Slot, v.Name)
		}
		plain := v.Name == "none" || v.Slot == "init" && v.Name == "normal"
		if v.Source == "" && !plain {
			t.Errorf("%s %s has no source", v.Slot, v.Name)
		}
		for _, p := range v.Params {
			if p.Doc == "" {
				t.Errorf("%s %s: nothing is said of %s", v.Slot, v.Name, p.Name)
			}
		}
	}
	if len(slots) != 9 {
		t.Errorf("slots %v, want 9", slots)
	}
}

// TestParameterCounts counts by hand. With D channels, V tokens and L layers, GPT-2 small has 12 D^2 + 13 D per layer,
// (V + T) D in the embeddings and 2 D in the last norm: 124,439,808 (its published checkpoint). LLaMA has 4 D^2 + 3 D F
// + 2 D per layer and 2 V D + D.
func TestParameterCounts(t *testing.T) {
	count := func(c Config) (n int) {
		params, err := Params(c)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range params {
			n += p.Size()
		}
		return n
	}
	gpt2 := Default()
	gpt2.Layers, gpt2.Width, gpt2.Heads, gpt2.Context, gpt2.Vocab, gpt2.Tied = 12, 768, 12, 1024, 50257, true
	choose(t, &gpt2.Norm, "layernorm")
	choose(t, &gpt2.MLP, "gelu_tanh")
	choose(t, &gpt2.Position, "learned")
	gpt2.Attention.Biases, gpt2.MLP.Biases = true, true
	if n := count(gpt2); n != 124439808 {
		t.Errorf("GPT-2 small has %d parameters", n)
	}
	llama := Default()
	llama.Layers, llama.Width, llama.Heads, llama.Vocab = 8, 512, 8, 32000
	choose(t, &llama.MLP, "swiglu")
	llama.MLP.Value.(*SwiGLU).Multiple = 1376. / 512
	if n, want := count(llama), 8*(4*512*512+3*512*1376+2*512)+2*32000*512+512; n != want {
		t.Errorf("LLaMA 60M has %d parameters, want %d", n, want)
	}
	// Pythia-14M without its embeddings: 6 layers of width 128, 12 D^2 + 13 D each, and the last norm: 1,189,888 (its
	// model card).
	pythia := Default()
	pythia.Layers, pythia.Width, pythia.Heads, pythia.Context, pythia.Vocab = 6, 128, 4, 2048, 50304
	choose(t, &pythia.Norm, "layernorm")
	choose(t, &pythia.Block, "parallel")
	pythia.Position.Value.(*RoPE).Fraction = 0.25
	pythia.Attention.Biases, pythia.MLP.Biases = true, true
	if n := count(pythia) - 2*50304*128; n != 1189888 {
		t.Errorf("Pythia-14M has %d parameters without embeddings", n)
	}
}

// TestInitialisers: the standard deviation of each matrix is what the formula says, within 4 standard errors.
func TestInitialisers(t *testing.T) {
	const d, std, layers = 64, 0.02, 2
	uniform := func(fanIn float64) float64 { return 1 / math.Sqrt(3*fanIn) }
	for name, want := range map[string]map[string]float64{
		"normal": {"blocks.1.attn.q": std, "blocks.1.attn.out": std, "head": std, "embedding": std},
		"layer_index": {"blocks.0.attn.q": std, "blocks.1.attn.q": std / math.Sqrt2, "blocks.1.mlp.down": std / math.Sqrt2,
			"head": std, "embedding": std},
		"gpt2": {"blocks.1.attn.q": std, "blocks.0.attn.out": std / 2, "blocks.1.mlp.down": std / 2,
			"blocks.1.mlp.up": std, "embedding": std},
		"orthogonal": {"blocks.0.attn.q": 1. / 8, "blocks.0.mlp.up": 1. / 16, "blocks.0.mlp.down": 1. / 16, "head": std,
			"embedding": std},
		"fan_in": {"blocks.0.attn.q": uniform(d), "blocks.1.mlp.down": uniform(4 * d), "head": uniform(d),
			"embedding": std},
	} {
		c := Default()
		c.Layers, c.Width, c.Vocab = layers, d, 100
		choose(t, &c.Init, name)
		w, err := NewWeights(c, newCPU(t), rng.New(0, "init"))
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range w.Params() {
			x := w.Value(i).Host()
			if name == "orthogonal" && p.Kind == "matrix" {
				checkOrthogonal(t, p, x)
			}
			if expected, ok := want[p.Name]; ok {
				sum := 0.0
				for _, v := range x {
					sum += float64(v) * float64(v)
				}
				if got := math.Sqrt(sum / float64(len(x))); math.Abs(got/expected-1) > 4/math.Sqrt(2*float64(len(x))) {
					t.Errorf("%s: %s has standard deviation %v, want %v", name, p.Name, got, expected)
				}
			}
		}
	}
	if len(initialisers) != 5 {
		t.Error("an initialiser without a line in this test")
	}
}

// checkOrthogonal checks that the rows, or the columns if those are fewer, are orthonormal.
func checkOrthogonal(t *testing.T, p Param, x []float32) {
	t.Helper()
	rows, cols := p.Shape[0], p.Shape[1]
	at := func(i, k int) float64 { return float64(x[i*cols+k]) }
	if rows > cols {
		at = func(i, k int) float64 { return float64(x[k*cols+i]) }
	}
	for a := range min(rows, cols) {
		for b := range min(rows, cols) {
			sum := 0.0
			for k := range max(rows, cols) {
				sum += at(a, k) * at(b, k)
			}
			if want := map[bool]float64{true: 1}[a == b]; math.Abs(sum-want) > 1e-6 {
				t.Fatalf("%s: vectors %d and %d have product %v", p.Name, a, b, sum)
			}
		}
	}
}

func TestParamsAgreeWithWeights(t *testing.T) {
	kinds := []string{string(optim.Matrix), string(optim.Vector), string(optim.Scalar), string(optim.Embedding),
		string(optim.Head)}
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
		m, err := Build(c, Shape{Batch: 1, Tokens: c.Context}, newCPU(t), w, nil)
		if err != nil {
			t.Fatal(err)
		}
		size, built := 0, 0 // declared, and read by the graph
		for _, p := range params {
			size += p.Size()
		}
		for _, leaf := range m.Graph.Inputs() {
			if _, ok := seen[leaf.Name()]; ok {
				built += leaf.Shape().TotalSize()
			}
		}
		if built != size {
			t.Errorf("%d parameters are declared, the graph reads %d", size, built)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
		if q := seen["blocks.1.attn.q"]; seen["blocks.1.attn.k"] != q+1 || seen["blocks.1.attn.v"] != q+2 {
			t.Error("q, k and v are not adjacent")
		}
		if _, head := seen["head"]; head == c.Tied {
			t.Errorf("tied %v, head %v", c.Tied, head)
		}
	})
}

// TestArmsShareTheirStart: parameters of equal name and shape start equal, whatever else differs between two
// architectures.
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
			checkOrthogonal(t, p, x)
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
	_, err = Build(c, shape, dev, w, []string{"resid_pots"})
	if err == nil || !strings.Contains(err.Error(), `did you mean "resid_post"?`) {
		t.Errorf("a misspelt site: %v", err)
	}
}
