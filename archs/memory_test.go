package archs

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/rng"
)

// TestOver: two models in one memory each compute the same as alone, and what must survive a run of the other does.
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
			if !slices.Equal(over.Logits.Host(), alone.Logits.Host()) ||
				!slices.Equal(over.LogSumExp.Host(), alone.LogSumExp.Host()) ||
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

// TestAccumulateInto: if the second of two models adds to the first's gradients, the result is the sum of both models'
// own gradients, with the same bits whether they run at the same time or in turn, on the tape and in replays. Only
// gradients that are not products alone are stored twice.
func TestAccumulateInto(t *testing.T) { //nolint:funlen // two pairs of models, each run in turn and at the same time
	everyArch(t, func(t *testing.T, c Config) {
		tokens, targets := batch(c)
		other, others := slices.Clone(tokens), slices.Clone(targets)
		slices.Reverse(other)
		slices.Reverse(others)
		type pair struct{ first, second *Model }
		build := func(onto bool) (p pair, w *Weights) {
			first, w, dev := built(t, c, true, nil)
			beside := newCPU(t)
			s := Shape{Batch: 2, Train: true, Tokens: 17}
			if onto {
				s.AccumulateInto = first
			}
			second, err := Build(c, s, beside, w, nil)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = second.Close() })
			dev.UploadInts(first.Tokens, tokens)
			dev.UploadInts(first.Targets, targets)
			beside.UploadInts(second.Tokens, other)
			beside.UploadInts(second.Targets, others)
			return pair{first, second}, w
		}
		alone, w := build(false)
		run(t, alone.first)
		run(t, alone.second)
		inTurn, _ := build(true)
		atOnce, _ := build(true)
		team := compute.NewTeam(2)
		defer team.Close()
		shared := 0
		for range 3 {
			run(t, inTurn.first)
			run(t, inTurn.second)
			models := []*Model{atOnce.second, atOnce.first}
			team.Run(2, func(_, i int) {
				if i == 1 {
					time.Sleep(2 * time.Millisecond) // the second is there first, and sleeps
				}
				run(t, models[i])
			})
			shared = 0
			for i, p := range w.Params() {
				a, b := alone.first.Grads[i].Host(), alone.second.Grads[i].Host()
				got, once := inTurn.second.Grads[i], atOnce.second.Grads[i]
				if got != inTurn.first.Grads[i] {
					if !slices.Equal(got.Host(), b) || !slices.Equal(inTurn.first.Grads[i].Host(), a) {
						t.Errorf("%s, which is not shared, differs", p.Name)
					}
					continue
				}
				shared += p.Size()
				want := make([]float64, len(a))
				most := 0.0
				for j := range want {
					want[j] = float64(a[j]) + float64(b[j])
					most = max(most, math.Abs(want[j]))
				}
				if d := distance(got.Host(), want); !(d <= 1e-6*most) {
					t.Errorf("%s: the sum is off by %g of %g", p.Name, d, most)
				}
				if !slices.Equal(got.Host(), once.Host()) {
					t.Errorf("%s: other bits at the same time than in turn", p.Name)
				}
			}
		}
		matrices := 0
		for _, p := range w.Params() {
			if p.Kind == "matrix" {
				matrices += p.Size()
			}
		}
		if shared < matrices/2 {
			t.Errorf("of %d numbers of matrices %d are shared", matrices, shared)
		}
	})
}

// A model that fails releases the one that waits for it.
func TestOntoGivesUp(t *testing.T) {
	c := small()
	first, w, dev := built(t, c, true, nil)
	beside := newCPU(t)
	second, err := Build(c, Shape{Batch: 2, Train: true, Tokens: 17, AccumulateInto: first}, beside, w, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = second.Close() })
	tokens, targets := batch(c)
	beside.UploadInts(second.Tokens, tokens)
	beside.UploadInts(second.Targets, targets)
	team := compute.NewTeam(2)
	defer team.Close()
	models := []*Model{second, first}
	work := func(_, i int) { run(t, models[i]) }
	team.Run(2, work)
	tokens[0] = testVocab
	dev.UploadInts(first.Tokens, tokens)
	defer func() {
		if recover() == nil {
			t.Error("a token outside the vocabulary is taken")
		}
	}()
	team.Run(2, work)
}

func sizeOf(w *Weights) (n int) {
	for _, p := range w.Params() {
		n += p.Size()
	}
	return n
}

// TestRecompute: recomputed values have the bits of kept ones, on the tape and in a replay, and take no more memory.
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

// TestMemoryRefused: if the device's memory runs out at any point while a model is built and first run, that is an
// error. With exactly the memory that the model needs, it runs.
func TestMemoryRefused(t *testing.T) {
	turn := 0
	everyArch(t, func(t *testing.T, c Config) {
		try := func(limit int) (built int, err error) {
			dev := newCPU(t).(*compute.CPU)
			defer dev.Free()
			dev.Limit = limit
			w, err := NewWeights(c, dev, rng.New(3, "init"))
			if err != nil {
				return 0, err
			}
			m, err := Build(c, Shape{Batch: 2, Train: true, Tokens: 17, Recompute: turn%2 == 0}, dev, w, nil)
			if err != nil {
				return 0, err
			}
			defer func() { _ = m.Close() }()
			built = dev.Bytes()
			tokens, targets := batch(c)
			dev.UploadInts(m.Tokens, tokens)
			dev.UploadInts(m.Targets, targets)
			return built, m.Run()
		}
		turn++
		built, err := try(0)
		if err != nil {
			t.Fatal(err)
		}
		first := newCPU(t).Bytes()
		fits := func(limit int) bool {
			_, err := try(limit)
			if err != nil && !errors.Is(err, compute.ErrMemory) {
				t.Fatalf("with %d bytes: %v", limit, err)
			}
			return err == nil
		}
		whole := built
		for !fits(whole) {
			whole += whole / 2
		}
		for least := built; whole-least > 64; { // what it takes, to the last allocation
			if mid := (least + whole) / 2; fits(mid) {
				whole = mid
			} else {
				least = mid
			}
		}
		const points = 12
		for i := range points {
			if limit := first + (whole-first-64)*(i*points+turn%points)/(points*points); fits(limit) {
				t.Errorf("%d bytes are enough, and %d are needed", limit, whole)
			}
		}
	})
}
