package archs

import (
	"math"
	"slices"
	"testing"

	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/rng"
)

const testVocab = 7

func choose(t *testing.T, slot interface{ Choose(string) error }, name string) {
	t.Helper()
	if err := slot.Choose(name); err != nil {
		t.Fatal(err)
	}
}

func small() Config {
	c := Default()
	c.Layers, c.Width, c.Heads, c.Context, c.Vocab = 2, 16, 4, 5, testVocab
	c.Init.Std = 0.3 // large enough that attention, gates and activations leave their linear range
	return c
}

func newCPU(t *testing.T) compute.Device { return newCPUOf(t, compute.Float32) }

func newCPUOf(t *testing.T, p compute.Precision) compute.Device {
	t.Helper()
	dev, err := compute.NewCPU("", p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(dev.Free)
	return dev
}

// built is a model on its own device. Gains are drawn too, because a gain of 1 would hide a missing factor.
func built(t *testing.T, c Config, train bool, sites []string) (*Model, *Weights, compute.Device) {
	t.Helper()
	return builtIn(t, compute.Float32, c, train, sites)
}

// builtIn is built on a device of that precision.
func builtIn(t *testing.T, p compute.Precision, c Config, train bool, sites []string) (
	*Model, *Weights, compute.Device) {
	t.Helper()
	dev := newCPUOf(t, p)
	w, err := NewWeights(c, dev, rng.New(3, "init"))
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range w.Params() {
		if p.Kind == "vector" || p.Kind == "scalar" {
			random := rng.New(4, "gain").Named(p.Name).Rand()
			for j := range w.Value(i).Host() {
				w.Value(i).Host()[j] += float32(0.3 * random.NormFloat64())
			}
		}
	}
	m, err := Build(c, Shape{Batch: 2, Train: train, Tokens: 17}, dev, w, sites)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	tokens, targets := batch(c)
	dev.UploadInts(m.Tokens, tokens)
	dev.UploadInts(m.Targets, targets)
	return m, w, dev
}

// batch is two sequences; some positions have no target.
func batch(c Config) (tokens, targets []int32) {
	for i := range 2 * c.Context {
		tokens = append(tokens, int32(i*i+3)%int32(c.Vocab))
		targets = append(targets, int32(5*i+1)%int32(c.Vocab))
	}
	targets[2], targets[9] = -1, -1
	return tokens, targets
}

func run(t *testing.T, m *Model) {
	t.Helper()
	if err := m.Run(); err != nil {
		t.Fatal(err)
	}
}

// distance is max|a-b|.
func distance(a []float32, b []float64) float64 {
	diff := 0.0
	for i := range b {
		d := math.Abs(float64(a[i]) - b[i])
		if math.IsNaN(d) {
			return d
		}
		diff = max(diff, d)
	}
	return diff
}

// TestGradients compares loss and gradients of the fused float32 graph, tape and replay, with the float64 reference,
// and the reference with central differences.
func TestGradients(t *testing.T) { everyArch(t, checkGradients) }

func checkGradients(t *testing.T, c Config) {
	m, w, _ := built(t, c, true, nil)
	values := make(map[string][]float64)
	for i, p := range w.Params() {
		for _, x := range w.Value(i).Host() {
			values[p.Name] = append(values[p.Name], float64(x))
		}
	}
	tokens, targets := batch(c)
	want, grads := referenceLoss(t, c, 2, values, tokens, targets, 17, true)
	if len(m.Grads) != len(w.Params()) {
		t.Fatalf("%d gradients of %d parameters", len(m.Grads), len(w.Params()))
	}
	for _, way := range []string{"tape", "replay"} {
		for _, g := range m.Grads { // a replay that left one out would pass by the tape's numbers
			for i := range g.Host() {
				g.Host()[i] = float32(math.NaN())
			}
		}
		run(t, m)
		if e := distance(m.Loss.Host(), []float64{want}) / want; !(e <= 1e-5) {
			t.Errorf("%s: loss %v, want %v", way, m.Loss.Host()[0], want)
		}
		for i, p := range w.Params() {
			want := grads[p.Name]
			if e := distance(m.Grads[i].Host(), want.entries) / want.size; !(e <= tolerance(c)) {
				t.Errorf("%s: gradient of %s is off by %.2g of %.2g", way, p.Name, e, want.size)
			}
		}
	}
	centralDifferences(t, c, w.Params(), values, grads)
}

// tolerance returns the tolerance of a gradient. Sandwich norm divides by the size of each sub-layer's output, with
// four norms per block, and so amplifies float32's rounding: over seeds and kernel paths the worst error lies between
// 1e-6 and 1.3e-5.
func tolerance(c Config) float64 {
	if c.NormPlacement.Name == "sandwich" {
		return 2e-5
	}
	return 1e-5
}

// centralDifferences checks one entry in each of two parameters, which vary with the architecture. With step 1e-5 the
// truncation error is of order 1e-10 and the rounding error of order 1e-11, against gradients of order 1e-2.
func centralDifferences(t *testing.T, c Config, params []Param, values map[string][]float64,
	grads map[string]gradient) {
	t.Helper()
	const h = 1e-5
	tokens, targets := batch(c)
	random := rng.New(uint64(len(t.Name())), t.Name()).Rand()
	for range 2 {
		name := params[random.IntN(len(params))].Name
		v := values[name]
		at := random.IntN(len(v))
		old := v[at]
		v[at] = old + h
		up, _ := referenceLoss(t, c, 2, values, tokens, targets, 17, false)
		v[at] = old - h
		down, _ := referenceLoss(t, c, 2, values, tokens, targets, 17, false)
		v[at] = old
		if got, want := grads[name].entries[at], (up-down)/(2*h); !(math.Abs(got-want) <= 1e-6*grads[name].size+1e-9) {
			t.Errorf("reference: gradient of %s[%d] is %g, central difference %g", name, at, got, want)
		}
	}
}

func TestReplayGivesTheTapesBits(t *testing.T) {
	everyArch(t, func(t *testing.T, c Config) {
		m, _, _ := built(t, c, true, Sites())
		run(t, m)
		all := append([]compute.Buffer{m.Loss}, m.Grads...)
		for _, s := range m.Sites {
			all = append(all, s.Value)
		}
		var tape [][]float32
		for _, b := range all {
			tape = append(tape, slices.Clone(b.Host()))
		}
		for _, b := range all { // a site may be another's buffer
			for i := range b.Host() {
				b.Host()[i] = float32(math.NaN())
			}
		}
		run(t, m)
		for i, b := range all {
			if !slices.Equal(b.Host(), tape[i]) { // NaN equals nothing
				t.Errorf("buffer %d: the replay differs from the tape", i)
			}
		}
		if n := testing.AllocsPerRun(5, func() { run(t, m) }); n != 0 {
			t.Errorf("a replay allocates %v times", n)
		}
	})
}

// TestCausality: a token changes no logits before its position, in its own sequence or in another.
func TestCausality(t *testing.T) {
	everyArch(t, func(t *testing.T, c Config) {
		m, _, dev := built(t, c, false, nil)
		run(t, m)
		before := slices.Clone(m.Logits.Host())
		tokens, _ := batch(c)
		const at = 3
		tokens[at] = (tokens[at] + 1) % testVocab
		dev.UploadInts(m.Tokens, tokens)
		run(t, m)
		for row := range 2 * c.Context {
			part := func(x []float32) []float32 { return x[row*testVocab : (row+1)*testVocab] }
			same := slices.Equal(part(before), part(m.Logits.Host()))
			if reaches := row >= at && row < c.Context; reaches == same {
				t.Errorf("row %d: token %d reaches it: %v, logits stay: %v", row, at, reaches, same)
			}
		}
	})
}

// TestSitesAndShapes: the sites exist with the documented shapes, and asking for them does not change the loss.
func TestSitesAndShapes(t *testing.T) {
	everyArch(t, func(t *testing.T, c Config) {
		plain, w, _ := built(t, c, true, nil)
		probe, _, _ := built(t, c, false, Sites())
		run(t, plain)
		run(t, probe)
		want := float64(plain.Loss.Host()[0])
		if e := distance(probe.Loss.Host(), []float64{want}) / want; !(e <= 1e-6) {
			t.Errorf("loss %v with sites, %v without", probe.Loss.Host()[0], plain.Loss.Host()[0])
		}
		if len(plain.Sites) != 0 || probe.Grads != nil {
			t.Errorf("%d sites that nobody asked for, %d gradients", len(plain.Sites), len(probe.Grads))
		}
		if got := probe.Logits.Len(); got != 2*c.Context*testVocab || plain.Logits.Len() != 0 {
			t.Errorf("%d logits, %d with gradients", got, plain.Logits.Len())
		}
		for i, p := range w.Params() {
			if plain.Grads[i].Len() != p.Size() || w.Value(i).Len() != p.Size() {
				t.Errorf("%s: %d values, %d gradients, %d wanted", p.Name, w.Value(i).Len(), plain.Grads[i].Len(), p.Size())
			}
		}
		shapes := siteShapes(c)
		last := 0
		for _, s := range probe.Sites {
			size := 1
			for _, n := range s.Shape {
				size *= n
			}
			if s.Layer == c.Layers-1 || s.Layer == -1 {
				last++
			}
			if !slices.Equal(s.Shape, shapes[s.Name]) || s.Value.Len() != size {
				t.Errorf("%s of layer %d has shape %v and %d values, want %v", s.Name, s.Layer, s.Shape, s.Value.Len(),
					shapes[s.Name])
			}
			if s.Name == "attn.pattern" {
				checkPattern(t, s.Value.Host(), c, s.Shape[3])
			}
		}
		if last != len(shapes) {
			t.Errorf("the last block and what follows have %d sites, want %d", last, len(shapes))
		}
	})
}

// siteShapes are those that Sites documents.
func siteShapes(c Config) map[string][]int {
	B, T, D, H, KV, E := 2, c.Context, c.Width, c.Heads, c.kvHeads(), c.headWidth()
	stream := []int{B, T, D}
	hidden := []int{B, T, c.hidden()}
	keys := T + c.Registers
	if c.KVBias.Name != "none" || c.Attention.Name == "softmax1" || c.Attention.Name == "sink_logit" {
		keys++
	}
	shapes := map[string][]int{"resid_pre": stream, "q": {B, T, H, E}, "k": {B, T, KV, E}, "v": {B, T, KV, E},
		"attn.pattern": {B, H, T, keys}, "attn.out": stream, "mlp.up": hidden, "mlp.act": hidden, "mlp.down_in": hidden,
		"mlp.out": stream, "resid_post": stream, "norm1.out": stream, "norm2.out": stream, "logits": {B, T, c.Vocab}}
	if c.NormPlacement.Name != "post" {
		shapes["final_norm.out"] = stream
	}
	if c.Block.Name == "sequential" {
		shapes["resid_mid"] = stream
	}
	if c.MLP.Name == "swiglu" || c.MLP.Name == "geglu" {
		shapes["mlp.gate"] = hidden
	}
	if g, ok := c.Gate.Value.(*LearnedGate); ok {
		heads, width := map[string]int{"g1": H, "g2": KV, "g3": KV, "g4": H, "g5": 1}[c.Gate.Name], E
		if c.Gate.Name == "g5" {
			width = D
		}
		if g.Shared {
			heads = 1
		}
		if g.Granularity == "headwise" {
			width = 1
		}
		shapes["attn.gate"] = []int{B * T, heads * width}
	}
	return shapes
}

// checkPattern checks that normalised rows sum to 1 and that no query looks ahead.
func checkPattern(t *testing.T, p []float32, c Config, keys int) {
	t.Helper()
	for row := range len(p) / keys {
		sum := 0.0
		for j, x := range p[row*keys : (row+1)*keys] {
			sum += float64(x)
			if x < 0 || j > row%c.Context+keys-c.Context && x != 0 {
				t.Errorf("query %d gives column %d %v", row%c.Context, j, x)
			}
		}
		if c.Attention.Value.normalised() && math.Abs(sum-1) > 1e-5 {
			t.Errorf("a pattern's row sums to %v", sum)
		}
	}
}
