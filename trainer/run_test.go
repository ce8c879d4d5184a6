package trainer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/outcrop-lab/outcrop/probes"
)

// rows keeps what a run records, by step and key. A key that comes again must have the same bits.
type rows struct {
	t      *testing.T
	values map[string]float64
	timing int
}

func (r *rows) Record(step int, values []probes.Value) error {
	for _, v := range values {
		key := fmt.Sprintf("%06d %s %s %d %d %d", step, v.Site, v.Statistic, v.Layer, v.Head, v.Idx)
		if old, ok := r.values[key]; ok && math.Float64bits(old) != math.Float64bits(v.Value) {
			r.t.Errorf("%s: %v, then %v", key, old, v.Value)
		}
		r.values[key] = v.Value
	}
	return nil
}

func (r *rows) Timing(int, string, float64) error {
	r.timing++
	return nil
}

func (r *rows) metric(step int, name string) float64 {
	v, ok := r.values[fmt.Sprintf("%06d run %s -1 -1 -1", step, name)]
	if !ok {
		r.t.Fatalf("no %s at step %d", name, step)
	}
	return v
}

// small returns the configuration of a run that takes at most a second.
func small() Config {
	c := Default()
	c.Arch.Layers, c.Arch.Width, c.Arch.Heads, c.Arch.Context = 2, 16, 2, 16
	c.Train.Steps, c.Train.Batch = 24, 8
	c.Optim.LR = 1e-2
	c.Probe.HeldOut = 16
	return c
}

func train(t *testing.T, ctx context.Context, c Config, o Options) (Result, *rows) {
	t.Helper()
	r := &rows{t: t, values: map[string]float64{}}
	o.Recorder = r
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	result, err := Run(ctx, c, o)
	if err != nil {
		t.Fatal(err)
	}
	return result, r
}

func equalRows(t *testing.T, a, b *rows) {
	t.Helper()
	if len(a.values) != len(b.values) || len(a.values) == 0 {
		t.Fatalf("%d rows and %d rows", len(a.values), len(b.values))
	}
	for key, v := range a.values {
		if w, ok := b.values[key]; !ok || math.Float64bits(v) != math.Float64bits(w) {
			t.Fatalf("%s: %v and %v", key, v, w)
		}
	}
}

func checkpointBytes(t *testing.T, dir string, step int) []byte {
	t.Helper()
	var all []byte
	for _, name := range []string{modelFile, optimizerFile} {
		b, err := os.ReadFile(filepath.Join(dir, "checkpoints", fmt.Sprintf("step-%08d", step), name))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b...)
	}
	return all
}

func TestRunMeasuresAndLearns(t *testing.T) {
	c := small()
	c.Train.Steps = 200
	result, r := train(t, t.Context(), c, Options{Threads: 2})
	if result.Status != Done || result.Step != 200 {
		t.Fatalf("%+v", result)
	}
	uniform := math.Log(65) // backcopy's 64 characters and BOS; a fresh model is close to uniform
	if at := r.metric(0, "heldout_loss"); math.Abs(at-uniform) > .05 {
		t.Errorf("held-out loss at step 0 %v, want about ln 65 = %v", at, uniform)
	}
	if start, end := r.metric(0, "bigram_risk"), r.metric(200, "bigram_risk"); end > start/2 || end < 0 {
		t.Errorf("bigram risk %v at step 0, %v at step 200: want less than half, and not below the floor", start, end)
	}
	if r.timing == 0 {
		t.Error("no timings")
	}
}

// each runs a test on a small run with each optimizer in float32, and with two of them in bf16 if this machine supports
// it. TestPrecisionIsRefused tests that other machines refuse it.
func each(t *testing.T, test func(t *testing.T, c Config)) {
	one := func(precision, optimizer string) {
		t.Run(precision+", "+optimizer, func(t *testing.T) {
			c := small()
			c.Train.Precision = precision
			if err := c.Optim.Choose(optimizer); err != nil {
				t.Fatal(err)
			}
			if err := c.CanRun(""); err != nil {
				t.Skip(err)
			}
			test(t, c)
		})
	}
	registry := Default().Optim
	for _, name := range registry.Names() {
		one("float32", name)
	}
	one("bf16", "adamw")
	one("bf16", "muon")
}

func TestBitsDoNotDependOnThreads(t *testing.T) {
	each(t, func(t *testing.T, c Config) {
		c.Train.Slices, c.Optim.Clip = 4, .1
		one := t.TempDir()
		_, want := train(t, t.Context(), c, Options{Dir: one, Threads: 1})
		if norm := want.metric(0, "grad_norm"); norm <= c.Optim.Clip {
			t.Errorf("a gradient of norm %v is not clipped", norm)
		}
		for _, threads := range []int{2, 3} {
			dir := t.TempDir()
			_, got := train(t, t.Context(), c, Options{Dir: dir, Threads: threads})
			equalRows(t, want, got)
			if !bytes.Equal(checkpointBytes(t, one, c.Train.Steps), checkpointBytes(t, dir, c.Train.Steps)) {
				t.Errorf("weights differ between one thread and %d", threads)
			}
		}
	})
}

// A step after the first allocates nothing and starts no goroutine, whatever the optimizer.
func TestStepsAreBare(t *testing.T) {
	each(t, func(t *testing.T, c Config) {
		c.Optim.Clip = .1
		training, err := newTraining(c, Options{Threads: 2})
		if err != nil {
			t.Fatal(err)
		}
		defer training.close()
		at := 0
		step := func() {
			if err := training.gradient(at); err != nil {
				t.Fatal(err)
			}
			training.update(at)
			at++
		}
		step()
		before := runtime.NumGoroutine()
		if n := testing.AllocsPerRun(10, step); n != 0 {
			t.Errorf("a step allocates %v times", n)
		}
		if after := runtime.NumGoroutine(); after > before {
			t.Errorf("%d goroutines after, %d before", after, before)
		}
	})
}

// A run that is stopped at some step and resumed ends with the bytes and rows of an uninterrupted one, for each
// optimizer.
func TestResumeIsExact(t *testing.T) {
	each(t, func(t *testing.T, c Config) {
		c.Checkpoint.Every = 7
		whole, parts := t.TempDir(), t.TempDir()
		_, want := train(t, t.Context(), c, Options{Dir: whole})
		got := &rows{t: t, values: map[string]float64{}}
		for _, stop := range []int{5, 17, -1} {
			ctx, cancel := context.WithCancel(t.Context())
			result, err := Run(ctx, c, Options{Dir: parts, Recorder: got, Progress: func(step int, _ float64) {
				if step == stop {
					cancel()
				}
			}})
			cancel()
			if err != nil {
				t.Fatal(err)
			}
			if wanted := map[bool]Status{true: Done, false: Stopped}[stop < 0]; result.Status != wanted {
				t.Fatalf("status %s, want %s", result.Status, wanted)
			}
		}
		equalRows(t, want, got)
		if !bytes.Equal(checkpointBytes(t, whole, c.Train.Steps), checkpointBytes(t, parts, c.Train.Steps)) {
			t.Error("resumed weights differ")
		}
	})
}

func TestDamagedCheckpointIsPassedOver(t *testing.T) {
	c := small()
	c.Checkpoint.Every, c.Checkpoint.Keep = 8, 3
	dir := t.TempDir()
	_, want := train(t, t.Context(), c, Options{Dir: dir})
	final := checkpointBytes(t, dir, 24)
	if err := os.Truncate(filepath.Join(dir, "checkpoints", "step-00000024", modelFile), 100); err != nil {
		t.Fatal(err)
	}
	_, got := train(t, t.Context(), c, Options{Dir: dir})
	for key, v := range got.values {
		if key < "000016" || want.values[key] != v && !math.IsNaN(v) {
			t.Errorf("%s: %v, want %v, from step 16 on", key, v, want.values[key])
		}
	}
	if !bytes.Equal(final, checkpointBytes(t, dir, 24)) {
		t.Error("weights differ after resuming from the checkpoint before")
	}
	for _, step := range []int{8, 16, 24} {
		if err := os.Truncate(filepath.Join(dir, "checkpoints", fmt.Sprintf("step-%08d", step), modelFile), 100); err != nil {
			t.Fatal(err)
		}
	}
	var refused []string
	result, again := train(t, t.Context(), c, Options{Dir: dir, Refused: func(r Refusal, from int) {
		refused = append(refused, fmt.Sprint(r.Step, " for ", from))
	}})
	if want := []string{"24 for 0", "16 for 0", "8 for 0"}; result.Status != Done || !slices.Equal(refused, want) {
		t.Errorf("%+v, refused %q, want all three", result, refused)
	}
	equalRows(t, want, again)
	if !bytes.Equal(final, checkpointBytes(t, dir, 24)) {
		t.Error("weights differ after starting again")
	}
}

func TestDivergenceIsAResult(t *testing.T) {
	c := small()
	c.Optim.LR, c.Optim.Clip = 1e30, 0
	c.Train.Steps = 50
	result, r := train(t, t.Context(), c, Options{})
	if result.Status != Diverged || result.Step >= 50 {
		t.Errorf("%+v, want diverged before the end", result)
	}
	r.metric(result.Step, "loss")
}

// The golden run guards Version: a change of these bits on the portable kernels needs a new trainer version. This test
// computed the checksum on amd64, whose portable path uses no fused multiply-add.
func TestGoldenRun(t *testing.T) {
	c, dir := small(), t.TempDir()
	c.Arch.Width, c.Train.Batch, c.Train.Steps = 80, 40, 6 // products of several blocks in both dimensions
	train(t, t.Context(), c, Options{Dir: dir, Kernels: "portable"})
	sum := sha256.Sum256(checkpointBytes(t, dir, c.Train.Steps))
	const want = "234f501dfb175ae7d75db70ef0542d078da3fd8ff4a48b1deadd58a3eebb4759"
	if got := hex.EncodeToString(sum[:]); got != want {
		t.Errorf("version %d: weights' SHA-256 %s, want %s", Version, got, want)
	}
}
