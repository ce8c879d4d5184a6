package archs

import (
	"math"
	"testing"

	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/rng"
)

// TestEveryArchLearns: from its initial weights, a few steps of gradient descent on one batch lower the loss. A step
// has length 0.1 over all parameters, whatever the size of the gradient.
func TestEveryArchLearns(t *testing.T) {
	everyArch(t, func(t *testing.T, c Config) {
		dev := newCPU(t)
		w, err := NewWeights(c, dev, rng.New(3, "init"))
		if err != nil {
			t.Fatal(err)
		}
		m, err := Build(c, Shape{Batch: 2, Train: true, Tokens: 2*c.Context - 2}, dev, w, nil)
		if err != nil {
			t.Fatal(err)
		}
		tokens, targets := batch(c)
		dev.UploadInts(m.Tokens, tokens)
		dev.UploadInts(m.Targets, targets)
		run(t, m)
		first := m.Loss.Host()[0]
		for range 20 {
			norm := 0.0
			for _, g := range m.Grads {
				norm += dev.SumSquares(g)
			}
			for i, g := range m.Grads {
				dev.Axpby(w.Value(i), g, float32(-0.1/math.Sqrt(norm)), 1)
			}
			run(t, m)
		}
		if last := m.Loss.Host()[0]; !(last < 0.8*first) {
			t.Errorf("the loss goes from %.3f to %.3f", first, last)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
}

// BenchmarkStep runs the forward and backward passes of a training step on one thread, with one variant changed at a
// time.
func BenchmarkStep(b *testing.B) {
	for _, f := range factors() {
		for i, l := range f.levels {
			if i == 0 && f.name != "attention" {
				continue // the baseline again
			}
			b.Run(f.name+"="+l.name, func(b *testing.B) {
				c := Default()
				c.Layers, c.Width, c.Heads, c.Context, c.Vocab = 4, 256, 4, 256, 256
				if l.set(&c); c.Layers == 0 || c.Validate() != nil { // a gate's setting, varied on G1
					c = Default()
					c.Layers, c.Width, c.Heads, c.Context, c.Vocab = 4, 256, 4, 256, 256
					_ = c.Gate.Choose("g1")
					l.set(&c)
				}
				dev, err := compute.NewCPU("", compute.Float32)
				if err != nil {
					b.Fatal(err)
				}
				defer dev.Free()
				w, err := NewWeights(c, dev, rng.New(0, "init"))
				if err != nil {
					b.Fatal(err)
				}
				m, err := Build(c, Shape{Batch: 4, Train: true, Tokens: 4 * c.Context}, dev, w, nil)
				if err != nil {
					b.Fatal(err)
				}
				for i := range m.Tokens.Host() {
					m.Tokens.Host()[i], m.Targets.Host()[i] = int32(i*i%c.Vocab), int32(7*i%c.Vocab)
				}
				for b.Loop() {
					if err := m.Run(); err != nil {
						b.Fatal(err)
					}
				}
				if err := m.Close(); err != nil {
					b.Fatal(err)
				}
			})
		}
	}
}
