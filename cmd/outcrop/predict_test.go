package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/experiments/results"

	"github.com/outcrop-lab/outcrop/configs"
	"github.com/outcrop-lab/outcrop/experiments/sweep"
	"github.com/outcrop-lab/outcrop/store"
)

// What the predictor must not answer, it refuses: exit code 2, a message that names it, nothing on standard output.
func TestPredictRefuses(t *testing.T) {
	mine := filepath.Join(t.TempDir(), "mine.yaml")
	write(t, mine, "extends: gated\narch: {layers: 3}\ntrain: {steps: 5000}\n")
	faulty := filepath.Join(t.TempDir(), "faulty.yaml")
	write(t, faulty, "arch: {layer: 3}\n")
	uneven := filepath.Join(t.TempDir(), "uneven.yaml")
	write(t, uneven, "arch: {heads: 3}\n")
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "--arch: wants a preset"},
		{[]string{"--arch", "gatd"}, `--arch: unknown preset "gatd", did you mean "gated"?`},
		{[]string{"--arch", "nowhere.yaml"}, "reading nowhere.yaml"},
		{[]string{"--arch", faulty}, `faulty.yaml:1:8: arch: unknown key "layer", did you mean "layers"?`},
		{[]string{"--arch", uneven}, "uneven.yaml:1:15: arch.heads: must divide arch.width (64)"},
		{[]string{"--arch", mine}, "train.steps: 5000 (trained: 800); --extrapolate"},
		{[]string{"--arch", "pythia-14m"}, "arch.context: 2048 (trained: 32 to 64)"},
		{[]string{"--arch", "baseline", "--out", "figure.pdf"}, "ends in .svg or .png"},
	} {
		code, out, stderr := outcrop(t.Context(), append([]string{"predict", "--results", t.TempDir()}, c.args...)...)
		if code != exitInput || !strings.Contains(stderr, c.want) || out != "" {
			t.Errorf("%v: exit %d, %q, want 2 and %q; standard output %q", c.args, code, stderr, c.want, out)
		}
	}
}

// A preset's curves are forecast, printed, drawn twice with the same bytes, and shown beside those in the database.
//
//nolint:funlen // one function, because text, figure and document are checked against one planted database
func TestPredict(t *testing.T) {
	dir := t.TempDir()
	src, _ := configs.Sweep("predictor")
	sweep, err := sweep.LoadBytes("predictor.yaml", src)
	if err != nil {
		t.Fatal(err)
	}
	config, err := sweep.Over("gated")
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(filepath.Join(dir, "outcrop.db"))
	if err != nil {
		t.Fatal(err)
	}
	// Another seed and another probe: still the same architecture.
	config = strings.Replace(config, `"seed":0`, `"seed":7`, 1)
	config = strings.Replace(config, `"heldout":32`, `"heldout":64`, 1)
	for id, status := range map[string]string{"aaaa000000000001": "done", "aaaa000000000002": "failed"} {
		if err := db.PutRun(store.Run{ID: id, Config: config, Status: status, Seed: 7, Slices: 2, Steps: 800}); err != nil {
			t.Fatal(err)
		}
		for step, v := range map[int]float64{0: 5.5, 100: math.NaN(), 800: 17.25} {
			for layer := range 2 {
				if err := db.PutRows(id, step, []store.Row{{Site: "resid_post", Statistic: "ratio_mean", Layer: layer, Head: -1,
					Idx: -1, Value: v}}); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	first, second := filepath.Join(t.TempDir(), "a.svg"), filepath.Join(t.TempDir(), "b.svg")
	code, out, stderr := outcrop(t.Context(), "predict", "--arch", "gated", "--results", dir, "--out", first)
	for _, want := range []string{"gated: top-1/median of |h| after each block", "its own series were left out",
		"f(800)", "measured  aaaa00000000 (seed 7)\n", "figure    " + first, "(log(1 + step))"} {
		if code != exitDone || !strings.Contains(out, want) {
			t.Errorf("exit %d, %s, no %q in\n%s", code, stderr, want, out)
		}
	}
	code, out, stderr = outcrop(t.Context(), "predict", "--arch", "gated", "--results", dir, "--out", second, "--json")
	var d results.Prediction
	if err := json.Unmarshal([]byte(out), &d); code != exitDone || err != nil {
		t.Fatalf("exit %d: %s %v", code, stderr, err)
	}
	if d.Extrapolated || len(d.Outside) > 0 || len(d.Layers) != 2 || d.LeftOut != "gated-2" || d.Figure != second {
		t.Errorf("%+v", d)
	}
	for _, l := range d.Layers {
		if m := l.Measured; len(m) != 1 || m[0].Seed != 7 || len(m[0].Values) != 2 || m[0].Values[1] != 17.25 ||
			m[0].Steps[1] != 800 {
			t.Errorf("layer %d: measured %+v, want the done run's two numbers", l.Layer, m)
		}
		if len(l.Curve) != 9 || len(l.Params) != 6 || len(l.Through.Params) != 5 {
			t.Errorf("layer %d: %d points, %d parameters, %d of the curve through them", l.Layer, len(l.Curve), len(l.Params),
				len(l.Through.Params))
		}
		for _, p := range l.Curve {
			if !(1 <= p.Low && p.Low <= p.Value && p.Value <= p.High) {
				t.Errorf("layer %d, step %g: %v", l.Layer, float64(p.Step), p.Estimate)
			}
		}
	}
	a, b := string(read(t, first)), string(read(t, second))
	if a != b {
		t.Error("the figure differs when drawn again")
	}
	for _, text := range []string{"block 0", "block 1", "predicted", "90 % interval", "measured",
		"training step (updates)"} {
		if !strings.Contains(a, text) {
			t.Errorf("the figure lacks %q", text)
		}
	}
}

// An extrapolated answer is marked in every form. Without a database there are no measured curves.
func TestPredictExtrapolates(t *testing.T) {
	figure := filepath.Join(t.TempDir(), "x.svg")
	code, out, stderr := outcrop(t.Context(), "predict", "--arch", "pythia-14m", "--extrapolate", "--results",
		t.TempDir(), "--out", figure)
	if code != exitDone || !strings.Contains(out, "EXTRAPOLATED beyond the training range: arch.context: 2048") ||
		strings.Contains(out, "measured  ") {
		t.Errorf("exit %d, %s\n%s", code, stderr, out)
	}
	if !strings.Contains(string(read(t, figure)), "EXTRAPOLATED") {
		t.Error("the figure does not say that it is an extrapolation")
	}
	code, out, _ = outcrop(t.Context(), "predict", "--arch", "pythia-14m", "--extrapolate", "--results", t.TempDir(),
		"--json")
	var d results.Prediction
	if err := json.Unmarshal([]byte(out), &d); code != exitDone || err != nil || !d.Extrapolated ||
		len(d.Outside) == 0 || len(d.Layers) != 6 {
		t.Errorf("exit %d, %v: %+v", code, err, d)
	}
	if code, out, _ = outcrop(t.Context(), "predict", "--card"); code != exitDone ||
		!strings.HasPrefix(out, "# Model card of the predictor\n") {
		t.Errorf("exit %d, %q", code, out)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}
