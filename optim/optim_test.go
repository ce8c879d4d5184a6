package optim

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/variant"
)

func device(t *testing.T) *compute.CPU {
	t.Helper()
	dev, err := compute.NewCPU("", compute.Float32)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(dev.Free)
	return dev
}

// must returns the value and panics on an error: no test lacks memory.
func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// alone returns a team of one thread.
func alone(dev compute.Device) Threads {
	return Threads{Team: compute.NewTeam(1), Devices: []compute.Device{dev}}
}

func param(dev compute.Device, kind Kind, shape []int, value, grad []float32) Param {
	p := Param{Name: string(kind), Kind: kind, Shape: shape, Value: must(dev.Alloc(len(value))),
		Grad: must(dev.Alloc(len(grad))), LRFactor: 1}
	dev.Upload(p.Value, value)
	dev.Upload(p.Grad, grad)
	return p
}

// The polynomial on scalars, five steps without the normalisation, against test vectors for the Muon of arXiv
// 2506.19697.
func TestNewtonSchulzScalars(t *testing.T) {
	dev := device(t)
	for _, c := range [][2]float32{{.001, .4705}, {.01, .6989}, {.1, .7121}, {.5, .7654}, {1, .6964}} {
		x := must(dev.Alloc(1))
		dev.Upload(x, []float32{c[0]})
		got := newtonSchulz(dev, x, must(dev.Alloc(1)), must(dev.Alloc(1)), must(dev.Alloc(1)), 1, 1).Host()[0]
		if math.Abs(float64(got-c[1])) > 1e-4 {
			t.Errorf("%v: %v, want %v", c[0], got, c[1])
		}
	}
}

// A tall matrix and its transpose give transposed results.
func TestNewtonSchulzTransposes(t *testing.T) {
	dev := device(t)
	wide, tall := must(dev.Alloc(6)), must(dev.Alloc(6))
	dev.Upload(wide, []float32{.1, .4, -.3, .2, .5, .25})
	dev.Upload(tall, []float32{.1, .2, .4, .5, -.3, .25})
	a := newtonSchulz(dev, wide, must(dev.Alloc(6)), must(dev.Alloc(4)), must(dev.Alloc(4)), 2, 3).Host()
	b := newtonSchulz(dev, tall, must(dev.Alloc(6)), must(dev.Alloc(4)), must(dev.Alloc(4)), 3, 2).Host()
	for i := range 2 {
		for j := range 3 {
			if d := a[i*3+j] - b[j*2+i]; math.Abs(float64(d)) > 1e-5 {
				t.Errorf("[%d,%d]: %v and %v", i, j, a[i*3+j], b[j*2+i])
			}
		}
	}
}

// Two steps of Muon, wide and tall, against its formulas in float64: Nesterov momentum, Frobenius norm, the quintic
// always from the left (X X^T), scale, decoupled decay.
func TestMuonByHand(t *testing.T) {
	const lr, decay, momentum = .1, .5, .95
	start := []float32{.5, -1, 2, .25, 1, -.75}
	grads := [][]float32{{.3, -.2, .1, .7, .4, -.6}, {-.1, .5, .2, .3, -.8, .9}}
	for _, c := range []struct {
		scale      string
		rows, cols int
		factor     float64
	}{
		{MatchRMSAdamW, 2, 3, .2 * math.Sqrt(3)}, {MatchRMSAdamW, 3, 2, .2 * math.Sqrt(3)},
		{Spectral, 2, 3, 1}, {Spectral, 3, 2, math.Sqrt(1.5)},
	} {
		dev := device(t)
		p := param(dev, Matrix, []int{c.rows, c.cols}, start, grads[0])
		m := optimizers["muon"].New().(*Muon)
		m.Scale = c.scale
		p.Decay = decay
		o := must(m.New(alone(dev), []Param{p}))
		want, buf := wide(start), make([]float64, 6)
		for _, g := range grads {
			dev.Upload(p.Grad, g)
			o.Step(lr, 1)
			x, norm := make([]float64, 6), 0.0
			for i, v := range wide(g) {
				buf[i] = momentum*buf[i] + v
				x[i] = v + momentum*buf[i]
				norm += x[i] * x[i]
			}
			for i := range x {
				x[i] /= math.Sqrt(norm) + 1e-7
			}
			for range 5 {
				x = quintic(x, c.rows, c.cols)
			}
			for i := range want {
				want[i] = (1-lr*decay)*want[i] - lr*c.factor*x[i]
			}
		}
		for i, got := range p.Value.Host() {
			if math.Abs(float64(got)-want[i]) > 2e-5 {
				t.Errorf("%s %dx%d [%d]: %v, want %v", c.scale, c.rows, c.cols, i, got, want[i])
			}
		}
	}
}

func wide(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

// quintic returns aX + (bA + cA^2)X with A = X X^T, for x [rows, cols].
func quintic(x []float64, rows, cols int) []float64 {
	times := func(a, b []float64, m, k, n int) []float64 {
		c := make([]float64, m*n)
		for i := range m {
			for j := range n {
				for l := range k {
					c[i*n+j] += a[i*k+l] * b[l*n+j]
				}
			}
		}
		return c
	}
	transposed := make([]float64, len(x))
	for i := range rows {
		for j := range cols {
			transposed[j*rows+i] = x[i*cols+j]
		}
	}
	a := times(x, transposed, rows, cols, rows)
	b := times(a, a, rows, rows, rows)
	for i := range b {
		b[i] = -4.7750*a[i] + 2.0315*b[i]
	}
	y := times(b, x, rows, rows, cols)
	for i := range y {
		y[i] += 3.4445 * x[i]
	}
	return y
}

// resumed loads the state of old into fresh, as from a checkpoint.
func resumed(dev compute.Device, old, fresh Optimizer) Optimizer {
	from, to := old.State(), fresh.State()
	for i, b := range from.Buffers {
		dev.Upload(to.Buffers[i], b.Host())
	}
	*to.Count = *from.Count
	return fresh
}

// Every optimizer, with every after-step rule and without, on f(w) = sum (w - 1)^2 / 2: f falls, a second run repeats
// bit for bit, a run resumed from its State is exact, and a step allocates nothing.
func TestOptimizers(t *testing.T) {
	for name := range optimizers {
		for rule := range rules {
			c := Default()
			c.Slot, c.AfterStep = variant.New("optimizer", optimizers, name), variant.New("rule", rules, rule)
			c.WeightDecay = 0
			if err := c.Validate(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			run := func(interrupt bool) []float32 {
				dev := device(t)
				start := []float32{3, -1, 2, 0, 1.5, -2}
				ps := []Param{param(dev, Matrix, []int{2, 3}, start, make([]float32, 6)),
					param(dev, Vector, []int{6}, start, make([]float32, 6))}
				o := must(c.New(alone(dev), ps))
				for step := range 60 {
					if interrupt && step == 30 {
						o = resumed(dev, o, must(c.New(alone(dev), ps)))
					}
					for _, p := range ps {
						for i, w := range p.Value.Host() {
							p.Grad.Host()[i] = w - 1
						}
					}
					o.Step(.03, 1)
				}
				if count := *o.State().Count; count != 60 {
					t.Errorf("%s: %d updates counted, want 60", name, count)
				}
				if n := testing.AllocsPerRun(10, func() { o.Step(0, 1) }); n != 0 {
					t.Errorf("%s, %s: %v allocations a step", name, rule, n)
				}
				return append(slices.Clone(ps[0].Value.Host()), ps[1].Value.Host()...)
			}
			a := run(false)
			loss := 0.0
			for _, w := range a {
				loss += float64(w-1) * float64(w-1) / 2
			}
			if loss > 16.5/2*2/2 { // at the start 16.625
				t.Errorf("%s, %s: loss %v", name, rule, loss)
			}
			if !slices.Equal(a, run(false)) || !slices.Equal(a, run(true)) {
				t.Errorf("%s, %s: another run, or one from its State, ends elsewhere", name, rule)
			}
		}
	}
}

func TestSchedules(t *testing.T) {
	for name, entry := range schedules {
		s := ScheduleConfig{Slot: variantOf(name), Warmup: 10}
		if err := entry.New().Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for step := range 101 {
			if r := s.Rate(2, step, 100); r < 0 || r > 2 {
				t.Errorf("%s: rate %v at %d", name, r, step)
			}
		}
	}
	for _, c := range []struct {
		name string
		step int
		want float64
	}{
		{"constant", 0, .2}, {"constant", 9, 2}, {"constant", 99, 2},
		{"trapezoidal", 80, 2}, {"trapezoidal", 90, 1}, {"trapezoidal", 99, .1},
		{"wsd", 80, 2}, {"wsd", 90, 1},
		{"cosine", 10, 2}, {"cosine", 55, 1.1}, {"cosine", 100, .2},
		{"linear", 10, 2}, {"linear", 55, 1}, {"linear", 100, 0},
	} {
		s := ScheduleConfig{Slot: variantOf(c.name), Warmup: 10}
		if got := s.Rate(2, c.step, 100); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s at %d: %v, want %v", c.name, c.step, got, c.want)
		}
	}
}

// A warm-up of 1,000 tokens at 96 per step takes ceil(10.4) = 11 steps.
func TestWarmupInTokens(t *testing.T) {
	s := DefaultSchedule()
	s.WarmupTokens = 1000
	if got := s.InSteps(96); got.Warmup != 11 || got.Rate(2, 0, 100) != 2./11 || got.Rate(2, 10, 100) != 2 {
		t.Errorf("%+v, rates %v and %v", got, got.Rate(2, 0, 100), got.Rate(2, 10, 100))
	}
	s.Warmup = 5
	if err := s.Validate(); err == nil {
		t.Error("a warm-up in both steps and tokens is accepted")
	}
}

// wsd is an alias of trapezoidal: the configuration, and so the run, is the same.
func TestWSDIsTrapezoidal(t *testing.T) {
	s := variantOf("wsd")
	s.Value.(*Trapezoidal).Decay = .5
	if s.Chosen() != "trapezoidal" {
		t.Errorf("chosen %s", s.Chosen())
	}
	if err := s.Choose("wsd"); err != nil || s.Value.(*Trapezoidal).Decay != .5 {
		t.Errorf("%v: choosing it again loses its parameters: %+v", err, s.Value)
	}
}

// A faulty setting is an error at its key.
func TestValidate(t *testing.T) {
	for key, spoil := range map[string]func(*Config){
		"lr":           func(c *Config) { c.LR = math.NaN() },
		"weight_decay": func(c *Config) { c.WeightDecay = -1 },
		"clip":         func(c *Config) { c.Clip = math.Inf(1) },
		"beta1":        func(c *Config) { c.Value.(*AdamW).Beta1 = 1 },
		"beta2":        func(c *Config) { c.Value.(*AdamW).Beta2 = -.1 },
		"eps":          func(c *Config) { c.Value.(*AdamW).Eps = 0 },
		"momentum": func(c *Config) {
			c.Slot = variant.New("optimizer", optimizers, "muon")
			c.Value.(*Muon).Momentum = 1
		},
		"embeddings": func(c *Config) {
			c.Slot = variant.New("optimizer", optimizers, "muon")
			c.Value.(*Muon).Embeddings = "sgd"
		},
		"nesterov": func(c *Config) {
			c.Slot = variant.New("optimizer", optimizers, "sgd")
			*c.Value.(*SGD) = SGD{Nesterov: true}
		},
		"groups.head.lr_factor": func(c *Config) { c.Groups.Head.LR = -1 },
		"after_step.threshold": func(c *Config) {
			c.AfterStep = variant.New("rule", rules, "tvr")
			c.AfterStep.Value.(*TVR).Threshold = .5
		},
		"scale": func(c *Config) {
			c.Slot = variant.New("optimizer", optimizers, "muon")
			c.Value.(*Muon).Scale = "spectrl"
		},
	} {
		c := Default()
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		spoil(&c)
		var at *variant.Error
		if err := c.Validate(); !errors.As(err, &at) || at.Key != key {
			t.Errorf("%s: error %v", key, err)
		}
	}
	s := DefaultSchedule()
	s.Warmup = -1
	if s.Validate() == nil {
		t.Error("a negative warm-up is accepted")
	}
}

func variantOf(name string) variant.Slot[Shape] { return variant.New("schedule", schedules, name) }

// Every optimizer, schedule and rule has a formula and a source, and each parameter a text.
func TestVariantsSayWhatTheyAre(t *testing.T) {
	config := struct {
		Optim    Config         `json:"optim"`
		Schedule ScheduleConfig `json:"schedule"`
	}{Default(), DefaultSchedule()}
	slots := map[string]int{}
	for _, v := range variant.List(&config) {
		slots[v.Slot]++
		if v.Formula == "" || v.Source == "" {
			t.Errorf("%s %s: formula %q, source %q", v.Slot, v.Name, v.Formula, v.Source)
		}
		for _, p := range v.Params {
			if p.Doc == "" {
				t.Errorf("%s %s: %s has no text", v.Slot, v.Name, p.Name)
			}
		}
	}
	if slots["optim"] != len(optimizers) || slots["optim.after_step"] != len(rules) ||
		slots["schedule"] != len(schedules) {
		t.Errorf("listed: %v", slots)
	}
}
