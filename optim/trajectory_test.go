package optim

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/variant"
)

// trajectories is testdata/trajectories.json, written by trajectories.py beside it.
type trajectories struct {
	Tokens []int
	Target []float64 // [tokens, 2]
	Params []struct {
		Name  string
		Kind  Kind
		Layer int
		Shape []int
		Value []float32
	}
	Cases []struct {
		Name, Optimizer string
		Params          json.RawMessage
		LR              float64
		WeightDecay     float64 `json:"weight_decay"`
		Groups          json.RawMessage
		AfterStep       json.RawMessage `json:"after_step"` // tvr's parameters
		Steps           [][][]float64   // by step, by parameter
	}
}

// Twenty steps of every optimizer. After each step all parameters are within 1e-5 relative (max|a-b| / max|b|) of
// PyTorch in float32, or of the formula in float64 if PyTorch has none. After seven steps a fresh optimizer resumes
// from the State.
func TestTrajectories(t *testing.T) { //nolint:funlen // one loop over cases and steps
	text, err := os.ReadFile("testdata/trajectories.json")
	if err != nil {
		t.Fatal(err)
	}
	var f trajectories
	if err := json.Unmarshal(text, &f); err != nil {
		t.Fatal(err)
	}
	covered := map[string]bool{}
	for _, want := range f.Cases {
		covered[want.Optimizer] = true
		c := Default()
		c.Slot = variant.New("optimizer", optimizers, want.Optimizer)
		c.LR, c.WeightDecay = want.LR, want.WeightDecay
		settings := map[any]json.RawMessage{c.Value: want.Params, &c.Groups: want.Groups}
		if want.AfterStep != nil {
			c.AfterStep = variant.New("after-step rule", rules, "tvr")
			settings[c.AfterStep.Value] = want.AfterStep
		}
		for to, from := range settings {
			if from == nil {
				continue
			}
			if err := json.Unmarshal(from, to); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		dev := device(t)
		var params []Param
		for _, p := range f.Params {
			q := param(dev, p.Kind, p.Shape, p.Value, make([]float32, len(p.Value)))
			q.Name, q.Layer = p.Name, p.Layer
			params = append(params, q)
		}
		o, worst := must(c.New(alone(dev), params)), 0.0
		for step, values := range want.Steps {
			if step == 7 {
				o = resumed(dev, o, must(c.New(alone(dev), params)))
			}
			f.gradients(params)
			o.Step(float32(c.LR), 1)
			for i, p := range params {
				if e := relative(p.Value, values[i]); !(e <= 1e-5) {
					t.Errorf("%s, step %d, %s: off by %.2g relative", want.Name, step+1, p.Name, e)
				} else {
					worst = math.Max(worst, e)
				}
			}
		}
		if len(want.Steps) != 20 {
			t.Errorf("%s: %d steps, want 20", want.Name, len(want.Steps))
		}
		t.Logf("%s: within %.1e", want.Name, worst)
	}
	for name := range optimizers {
		if !covered[name] {
			t.Errorf("%s has no trajectory: add a case to testdata/trajectories.py, and write trajectories.json again", name)
		}
	}
}

// gradients computes the gradients of sum (y - target)^2 / (2 n), y = head (w (embedding[token] * gain) + bias), in
// float64.
func (f *trajectories) gradients(params []Param) {
	v, g := make([][]float64, len(params)), make([][]float64, len(params))
	for i, p := range params {
		v[i], g[i] = wide(p.Value.Host()), make([]float64, p.Value.Len())
	}
	embedding, gain, w, bias, head := v[0], v[1], v[2], v[3], v[4]
	const D, Z, Y = 4, 3, 2
	for n, token := range f.Tokens {
		var h [D]float64
		var z, dz [Z]float64
		e := embedding[token*D : (token+1)*D]
		for j := range h {
			h[j] = e[j] * gain[j]
		}
		for k := range z {
			z[k] = bias[k]
			for j := range h {
				z[k] += w[k*D+j] * h[j]
			}
		}
		for y := range Y {
			d := -f.Target[n*Y+y]
			for k := range z {
				d += head[y*Z+k] * z[k]
			}
			d /= float64(len(f.Tokens))
			for k := range z {
				g[4][y*Z+k] += d * z[k]
				dz[k] += d * head[y*Z+k]
			}
		}
		for k := range z {
			g[3][k] += dz[k]
			for j := range h {
				g[2][k*D+j] += dz[k] * h[j]
				g[1][j] += dz[k] * w[k*D+j] * e[j]
				g[0][token*D+j] += dz[k] * w[k*D+j] * gain[j]
			}
		}
	}
	for i, p := range params {
		for j, x := range g[i] {
			p.Grad.Host()[j] = float32(x)
		}
	}
}

// relative returns max|a-b| / max|b|, or max|a| if b is 0.
func relative(got compute.Buffer, want []float64) float64 {
	off, largest := 0.0, 0.0
	for i, x := range got.Host() {
		off, largest = math.Max(off, math.Abs(float64(x)-want[i])), math.Max(largest, math.Abs(want[i]))
	}
	if largest == 0 {
		return off
	}
	return off / largest
}

// One step by hand: a weight of 1 with gradient .5 at rate .1 and decay .2. Muon's orthogonalised 1 is .6964 (arXiv
// 2506.19697), and its scale .2. Optimizers not listed here are in the trajectories.
func TestOneStepByHand(t *testing.T) {
	for name, want := range map[string]float64{
		"adam":  1 - .1*1,      // g = .5 + .2; m^ / sqrt(v^) = 1
		"adamw": 1 - .1*(1+.2), // m^ / sqrt(v^) = 1
		"lion":  1 - .1*(1+.2), // the sign of .05
		"muon":  1 - .1*(.2*.6964+.2),
		"sgd":   1 - .1*(.5+.2),
	} {
		dev := device(t)
		p := param(dev, Matrix, []int{1, 1}, []float32{1}, []float32{.5})
		p.Decay = .2
		must(optimizers[name].New().New(alone(dev), []Param{p})).Step(.1, 1)
		if got := float64(p.Value.Host()[0]); !(math.Abs(got-want) <= 2e-6) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}
