package archs

import (
	"slices"
	"testing"

	"github.com/outcrop-lab/outcrop/compute"
)

// TestOver: two models in one memory compute what each does alone, and what outlasts a run of the other is whole.
func TestOver(t *testing.T) {
	everyArch(t, func(t *testing.T, c Config) {
		train, w, dev := built(t, c, true, nil)
		alone, _, _ := built(t, c, false, []string{"resid_post"})
		run(t, train)
		run(t, alone)
		before := dev.Bytes()
		over, err := Build(c, Shape{Batch: 2, Tokens: 17, Over: train}, dev, w, []string{"resid_post"})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = over.Close() }()
		tokens, targets := batch(c)
		dev.UploadInts(over.Tokens, tokens)
		dev.UploadInts(over.Targets, targets)
		all := append([]compute.Buffer{train.Loss}, train.Grads...)
		var want [][]float32
		for _, b := range all {
			want = append(want, slices.Clone(b.Host()))
		}
		for range 3 {
			run(t, over)
			if !slices.Equal(over.Logits.Host(), alone.Logits.Host()) || !slices.Equal(over.LogSumExp.Host(), alone.LogSumExp.Host()) ||
				!slices.Equal(over.Sites[0].Value.Host(), alone.Sites[0].Value.Host()) {
				t.Fatal("the model over another differs from the one alone")
			}
			for i, b := range all {
				if !slices.Equal(b.Host(), want[i]) {
					t.Fatalf("buffer %d of the model below was overwritten", i)
				}
			}
			run(t, train)
			for i, b := range all {
				if !slices.Equal(b.Host(), want[i]) {
					t.Fatalf("buffer %d of the model below is another after the run", i)
				}
			}
		}
		if took, whole := dev.Bytes()-before, before-4*sizeOf(w); took > whole/2 {
			t.Errorf("the model over another took %d bytes, where the one below has %d", took, whole)
		}
	})
}

func sizeOf(w *Weights) (n int) {
	for _, p := range w.Params() {
		n += p.Size()
	}
	return n
}

// TestRecompute: what the backward pass computes again has the bits of what it would have kept, on the tape and in a replay,
// and takes no more memory.
func TestRecompute(t *testing.T) {
	everyArch(t, func(t *testing.T, c Config) {
		kept, w, dev := built(t, c, true, nil)
		tokens, targets := batch(c)
		other := newCPU(t)
		again, err := Build(c, Shape{Batch: 2, Train: true, Tokens: 17, Recompute: true}, other, w, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = again.Close() }()
		other.UploadInts(again.Tokens, tokens)
		other.UploadInts(again.Targets, targets)
		for range 2 {
			run(t, kept)
			run(t, again)
			for i := range kept.Grads {
				if !slices.Equal(kept.Grads[i].Host(), again.Grads[i].Host()) {
					t.Errorf("the gradient of %s differs", w.Params()[i].Name)
				}
			}
			if kept.Loss.Host()[0] != again.Loss.Host()[0] {
				t.Errorf("losses %v and %v", kept.Loss.Host()[0], again.Loss.Host()[0])
			}
		}
		if whole := dev.Bytes() - 4*sizeOf(w); other.Bytes() > whole {
			t.Errorf("%d bytes where %d are kept", other.Bytes(), whole)
		}
	})
}
