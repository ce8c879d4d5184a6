package plan

import (
	"fmt"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/fit"
	"github.com/outcrop-lab/outcrop/trainer"
)

// The plain model is counted by the formula 6 B T (12 L D^2 + D V) + 7 L T D B T, at the sizes of bench/step; the
// variants are counted by hand.
func TestFLOPs(t *testing.T) {
	for _, s := range []struct{ layers, width, heads, context, batch, vocab int }{{2, 64, 2, 64, 16, 256},
		{4, 128, 4, 128, 16, 256}, {6, 256, 8, 256, 8, 4096}} {
		p := planOf(t, fmt.Sprintf("name: x\nbase: {arch: {layers: %d, width: %d, heads: %d, context: %d, vocab: %d}, "+
			"train: {batch: %d}}\n", s.layers, s.width, s.heads, s.context, s.vocab, s.batch))[0]
		l, d, c, b, v := float64(s.layers), float64(s.width), float64(s.context), float64(s.batch), float64(s.vocab)
		if want := 6*b*c*(12*l*d*d+d*v) + 7*l*c*d*b*c; p.FLOPs() != want {
			t.Errorf("%+v: %v, want %v", s, p.FLOPs(), want)
		}
	}
	plan := planOf(t, `
name: x
base: {arch: {layers: 1, width: 64, heads: 2, context: 64, vocab: 128}, train: {batch: 2}}
arms: {plain: {}, gated: {arch: {gate: g1}}, tied: {arch: {tied: true}}, registers: {arch: {registers: 4}},
  grouped: {arch: {kv_heads: 1}}, muon: {optim: muon}, osp: {optim: {name: muon, embeddings: muon}}}
`)
	const d, rows = 64.0, 2 * 64.0
	schulz := func(m, n float64) float64 { return 5 * (4*m*m*n + 2*m*m*m) }
	muon := 4*schulz(d, d) + 2*schulz(d, 4*d) // q, k, v, output; up and down
	for i, more := range []float64{0, 6 * rows * d * d, 0,
		6*2*4*12*d*d + 7*2*(68*68-64*64)*d, -6 * rows * d * d, // keys and values of one head in two: half of 2 D^2
		muon, muon + 2*schulz(d, 128)} {
		if got := plan[i].FLOPs() - plan[0].FLOPs(); got != more {
			t.Errorf("%s: %v more than the plain model, want %v", plan[i].Arm, got, more)
		}
	}
}

// Checkpoints hold the parameters and the optimizer's moments, four bytes each; bench/plan measures a whole run's
// folder.
func TestCheckpointBytes(t *testing.T) {
	plan := planOf(t, "name: x\nbase: {train: {steps: 100}, checkpoint: {every: 30, keep: 3, keep_every: 60}}\n"+
		"arms: {adamw: {}, sgd: {optim: sgd}}\n")
	plan = append(plan, planOf(t, "name: x\nbase: {train: {steps: 100}}\narms: {last: {}}\n")...)
	params := float64(plan[0].Params)
	// Written at 30, 60, 90 and 100; the newest three stay, and 60 for ever.
	for i, want := range []float64{4 * 4 * 3 * params, 4 * 4 * 2 * params, 4 * 3 * params} {
		if got := plan[i].checkpoints(); got != want {
			t.Errorf("%s: %.0f, want %.0f", plan[i].Arm, got, want)
		}
	}
}

func TestFitParts(t *testing.T) {
	// Coordinate descent recovers the times that were planted: 2 and 3e-6 a unit, and nothing for the third part.
	rows := [][]float64{{1, 1e6, 3}, {2, 5e6, 1}, {5, 1e5, 9}, {3, 3e6, 4}}
	var times []float64
	for _, r := range rows {
		times = append(times, 2*r[0]+3e-6*r[1])
	}
	got := fitParts(rows, times)
	if math.Abs(got[0]-2) > 1e-6 || math.Abs(got[1]-3e-6) > 1e-12 || got[2] > 1e-6 {
		t.Errorf("%v, want 2, 3e-6, 0", got)
	}
	if got := fitParts([][]float64{{1, 0}, {1, 0}}, []float64{1, 3}); got[1] != 0 || !(got[0] > 1 && got[0] < 3) {
		t.Errorf("%v: a part that is in no trial wants time 0", got)
	}
}

func TestMakespan(t *testing.T) {
	// With 1, 2, 4 and 3 in turn, two places end at 1+4 and 2+3, three at 1+3, 2 and 4.
	for places, want := range map[int]float64{1: 10, 2: 5, 3: 4, 9: 4} {
		if got := Makespan([]float64{1, 2, 4, 3}, places); got != want {
			t.Errorf("%d places: %v, want %v", places, got, want)
		}
	}
	if Makespan(nil, 2) != 0 {
		t.Error("nothing takes time")
	}
}

// The forecast follows what is left: half of the steps take less than all, nothing takes no time, two threads take less
// than one.
func TestForecastOfWhatIsLeft(t *testing.T) {
	p := planOf(t, "name: x\nbase: {train: {steps: 100}}\n")[0]
	s := Speed{Step: slices.Repeat([]float64{1e-9}, stepParts), Measure: slices.Repeat([]float64{1e-9}, measureParts),
		Start: []float64{.1, 0, 0}, Beside: 1.2}
	whole := s.Of(p, Left{}, 1)
	quiet := s
	quiet.Beside = 1
	alone, beside := quiet.Of(p, Left{}, 2).Seconds, s.Of(p, Left{}, 2).Seconds
	if !(alone < beside && beside < 1.2*alone) || quiet.Of(p, Left{}, 1) != whole {
		t.Errorf("two threads take %v s, and %v if each takes 1.2 times as long", alone, beside)
	}
	half, two := s.Of(p, Left{From: 50}, 1), s.Of(p, Left{}, 2)
	if !(half.Seconds < whole.Seconds && half.Seconds > whole.Seconds/4) || two.Seconds >= whole.Seconds {
		t.Errorf("whole %v, from the half %v, two threads %v", whole.Seconds, half.Seconds, two.Seconds)
	}
	if whole.Low != whole.Seconds/1.25 || whole.High != whole.Seconds*1.25 {
		t.Errorf("bounds %v", whole)
	}
	for _, done := range []Left{{Nothing: true}} {
		if got := s.Of(p, done, 1); got != (Forecast{}) {
			t.Errorf("%v: %v", done, got)
		}
	}
	if got := s.Of(p, Left{Measured: 1}, 1).Seconds; got >= half.Seconds || got <= .1 {
		t.Errorf("one measurement takes %v", got)
	}
}

// The same processor finds its measured speed again. A file that holds no speed, or one of other parts, counts as none.
func TestSpeedIsKept(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	if _, ok, err := KeptSpeed(); ok || err != nil {
		t.Errorf("%v, %v before anything was kept", ok, err)
	}
	want := Speed{Trainer: trainer.Version, Step: make([]float64, stepParts), Measure: make([]float64, measureParts),
		Start: make([]float64, startParts), Beside: 1}
	if err := want.Keep(); err != nil {
		t.Fatal(err)
	}
	if got, ok, err := KeptSpeed(); !ok || err != nil || len(got.Step) != stepParts {
		t.Errorf("%+v, %v, %v", got, ok, err)
	}
	path, err := speedFile()
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "{", `{"step": [1]}`} {
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, ok, err := KeptSpeed(); ok || err != nil {
			t.Errorf("%q: %v, %v", text, ok, err)
		}
	}
}

// Calibrate forecasts two of its own trials, one in each precision, to within a factor of two, since other tests share
// the machine here; bench/plan holds real runs to a quarter.
func TestCalibrate(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a dozen seconds of training: run without -short")
	}
	s, err := Calibrate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !(s.Beside >= 1 && s.Beside <= 100) { // 2.8 was seen; a busy machine gives more, a wrong unit a thousand
		t.Errorf("a thread beside another takes %v times as long", s.Beside)
	}
	plans, err := trialPlans()
	if err != nil {
		t.Fatal(err)
	}
	tried := map[string]bool{}
	for _, p := range plans {
		precision := p.Config.Train.Precision
		if tried[precision] {
			continue
		}
		tried[precision] = true
		var took trial
		if err := took.run(t.Context(), p, t.TempDir(), 1, processor); err != nil {
			t.Fatal(err)
		}
		if ratio := s.step(p, 1) / fit.Median(took.steps); !(ratio > .5 && ratio < 2) {
			t.Errorf("a step in %s was forecast at %v s and took %v", precision, s.step(p, 1), fit.Median(took.steps))
		}
	}
	if has := compute.Can("", compute.BF16) == nil; tried["bf16"] != has || s.Step[ofRounded] > 0 != has {
		t.Errorf("bf16 was timed: %v, %v s an operation; the machine has it: %v", tried["bf16"], s.Step[ofRounded], has)
	}
}

// A run holds at most its forecast of each part, and of parameters and gradients exactly its forecast.
func TestForetoldMemory(t *testing.T) {
	for _, config := range []string{
		`arch: {layers: 2, width: 128, heads: 4}`,
		`arch: {layers: 2, width: 64, heads: 2, norm: layernorm, norm_placement: sandwich, qk_norm: true, gate: g1, mlp: ` +
			`geglu}, optim: muon`,
		`arch: {layers: 3, width: 64, heads: 4, registers: 4, norm: dyt, attention: sigmoid, tied: true}, optim: sgd`,
	} {
		p := planOf(t, "name: tiny\nbase: {"+config+", train: {steps: 1, batch: 16}, probe: {heldout: 16}}\n")[0]
		result, err := trainer.Run(t.Context(), p.Config, trainer.Options{Dir: t.TempDir(), Threads: 2, Recorder: nothing{}})
		if err != nil {
			t.Fatal(err)
		}
		want, got := Parts(p), result.Memory
		t.Logf("%s\n held     %+v\n foretold %+v", config, got, want)
		if got.Params != want.Params || got.Gradients != want.Gradients {
			t.Errorf("%s: parameters %.0f and gradients %.0f, forecast %.0f and %.0f",
				config, got.Params, got.Gradients, want.Params, want.Gradients)
		}
		for _, part := range []struct {
			name      string
			got, want float64
		}{{"optimizer", got.Optimizer, want.Optimizer + 1<<20}, {"activations", got.Activations, want.Activations},
			{"measuring", got.Measuring, want.Measuring}, {"scratch", got.Scratch, want.Scratch}} {
			if part.got > part.want || 4*part.got < part.want && part.want > 8<<20 {
				t.Errorf("%s: %s %.0f bytes, forecast %.0f", config, part.name, part.got, part.want)
			}
		}
	}
}
