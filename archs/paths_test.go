package archs

import (
	"slices"
	"testing"

	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/rng"
)

// TestPathsAgree: each variant has the same gradients on every kernel path, to 1e-5 of the largest. The context exceeds
// one block of queries, and a head is narrower than AVX2's vectors.
func TestPathsAgree(t *testing.T) {
	for _, f := range factors() {
		for _, l := range f.levels {
			c := small()
			c.Width, c.Context = 24, 37
			if f.name != "gate" {
				choose(t, &c.Gate, "g1")
			}
			if l.set(&c); c.Validate() != nil {
				t.Fatalf("%s=%s: %v", f.name, l.name, c.Validate())
			}
			var first []float64
			for _, path := range compute.Paths() {
				all := gradientsOn(t, path, c)
				if first == nil {
					first = double(all)
				} else if d := distance(all, first); !(d <= 1e-5*float64(slices.Max(all))) {
					t.Errorf("%s=%s: gradients on %s differ by %g of %g", f.name, l.name, path, d, slices.Max(all))
				}
			}
		}
	}
}

// gradientsOn returns all gradients, concatenated.
func gradientsOn(t *testing.T, path string, c Config) (all []float32) {
	t.Helper()
	dev, err := compute.NewCPU(path, compute.Float32)
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Free()
	w, err := NewWeights(c, dev, rng.New(3, "init"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := Build(c, Shape{Batch: 2, Train: true, Tokens: 70}, dev, w, nil)
	if err != nil {
		t.Fatal(err)
	}
	tokens, targets := batch(c)
	dev.UploadInts(m.Tokens, tokens)
	dev.UploadInts(m.Targets, targets)
	run(t, m)
	for _, g := range m.Grads {
		all = append(all, g.Host()...)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	return all
}
