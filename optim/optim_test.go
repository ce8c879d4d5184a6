package optim

import (
	"math"
	"slices"
	"testing"

	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/variant"
)

func device(t *testing.T) *compute.CPU {
	t.Helper()
	dev, err := compute.NewCPU("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(dev.Free)
	return dev
}

func param(dev compute.Device, kind Kind, shape []int, value, grad []float32) Param {
	p := Param{Name: string(kind), Kind: kind, Shape: shape, Value: dev.Alloc(len(value)), Grad: dev.Alloc(len(grad))}
	dev.Upload(p.Value, value)
	dev.Upload(p.Grad, grad)
	return p
}

// Twenty steps against the formula in float64, decay on the matrix and none on the gains.
func TestAdamWTrajectory(t *testing.T) {
	dev := device(t)
	const lr, b1, b2, eps, decay = .01, .9, .95, 1e-8, .1
	for _, c := range []struct {
		kind  Kind
		decay float64
	}{{Matrix, decay}, {Vector, 0}} {
		p := param(dev, c.kind, []int{3, 1}, []float32{1, -2, .5}, []float32{0, 0, 0})
		o := (&AdamW{b1, b2, eps}).New(dev, []Param{p}, decay)
		w, m, v := []float64{1, -2, .5}, make([]float64, 3), make([]float64, 3)
		for step := 1; step <= 20; step++ {
			for i := range w {
				g := float64(float32(math.Sin(float64(step*(i+1))) * .3))
				p.Grad.Host()[i] = float32(g)
				m[i], v[i] = b1*m[i]+(1-b1)*g, b2*v[i]+(1-b2)*g*g
				w[i] -= lr * (m[i]/(1-math.Pow(b1, float64(step)))/(math.Sqrt(v[i]/(1-math.Pow(b2, float64(step))))+eps) + c.decay*w[i])
			}
			o.Step(lr)
		}
		for i := range w {
			if got := float64(p.Value.Host()[i]); math.Abs(got-w[i]) > 1e-5 {
				t.Errorf("%s[%d]: %v, want %v", c.kind, i, got, w[i])
			}
		}
	}
}

// The polynomial on scalars, five steps without the normalisation: the vectors of arXiv 2506.19697's Muon.
func TestNewtonSchulzScalars(t *testing.T) {
	dev := device(t)
	for _, c := range [][2]float32{{.001, .4705}, {.01, .6989}, {.1, .7121}, {.5, .7654}, {1, .6964}} {
		x := dev.Alloc(1)
		dev.Upload(x, []float32{c[0]})
		got := newtonSchulz(dev, x, dev.Alloc(1), dev.Alloc(1), dev.Alloc(1), 1, 1).Host()[0]
		if math.Abs(float64(got-c[1])) > 1e-4 {
			t.Errorf("%v: %v, want %v", c[0], got, c[1])
		}
	}
}

// A tall matrix and its transpose give transposed results.
func TestNewtonSchulzTransposes(t *testing.T) {
	dev := device(t)
	wide, tall := dev.Alloc(6), dev.Alloc(6)
	dev.Upload(wide, []float32{.1, .4, -.3, .2, .5, .25})
	dev.Upload(tall, []float32{.1, .2, .4, .5, -.3, .25})
	a := newtonSchulz(dev, wide, dev.Alloc(6), dev.Alloc(4), dev.Alloc(4), 2, 3).Host()
	b := newtonSchulz(dev, tall, dev.Alloc(6), dev.Alloc(4), dev.Alloc(4), 3, 2).Host()
	for i := range 2 {
		for j := range 3 {
			if d := a[i*3+j] - b[j*2+i]; math.Abs(float64(d)) > 1e-5 {
				t.Errorf("[%d,%d]: %v and %v", i, j, a[i*3+j], b[j*2+i])
			}
		}
	}
}

// Every optimizer, on f(w) = sum (w - 1)^2 / 2: it falls, repeats bit for bit, goes on exactly from its State, and
// allocates nothing.
func TestOptimizers(t *testing.T) {
	for name, construct := range optimizers {
		if err := construct().Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		run := func(interrupt bool) []float32 {
			dev := device(t)
			start := []float32{3, -1, 2, 0, 1.5, -2}
			ps := []Param{param(dev, Matrix, []int{2, 3}, start, make([]float32, 6)), param(dev, Vector, []int{6}, start, make([]float32, 6))}
			o := construct().New(dev, ps, 0)
			for step := range 60 {
				if interrupt && step == 30 {
					old, fresh := o.State(), construct().New(dev, ps, 0)
					s := fresh.State()
					for i, b := range old.Buffers {
						dev.Upload(s.Buffers[i], b.Host())
					}
					*s.Count = *old.Count
					o = fresh
				}
				for _, p := range ps {
					for i, w := range p.Value.Host() {
						p.Grad.Host()[i] = w - 1
					}
				}
				o.Step(.03)
			}
			if n := testing.AllocsPerRun(10, func() { o.Step(0) }); n != 0 {
				t.Errorf("%s: %v allocations a step", name, n)
			}
			return append(slices.Clone(ps[0].Value.Host()), ps[1].Value.Host()...)
		}
		a := run(false)
		loss := 0.0
		for _, w := range a {
			loss += float64(w-1) * float64(w-1) / 2
		}
		if loss > 16.5/2*2/2 { // at the start 16.625
			t.Errorf("%s: loss %v", name, loss)
		}
		if !slices.Equal(a, run(false)) || !slices.Equal(a, run(true)) {
			t.Errorf("%s: another run, or one from its State, ends elsewhere", name)
		}
	}
}

func TestSchedules(t *testing.T) {
	for name, construct := range schedules {
		s := ScheduleConfig{Slot: variantOf(name), Warmup: 10}
		if err := construct().Validate(); err != nil {
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
		{"cosine", 10, 2}, {"cosine", 55, 1.1}, {"cosine", 100, .2},
	} {
		s := ScheduleConfig{Slot: variantOf(c.name), Warmup: 10}
		if got := s.Rate(2, c.step, 100); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s at %d: %v, want %v", c.name, c.step, got, c.want)
		}
	}
}

func TestClipNorm(t *testing.T) {
	dev := device(t)
	ps := []Param{param(dev, Vector, []int{1}, []float32{0}, []float32{3}), param(dev, Vector, []int{1}, []float32{0}, []float32{4})}
	if n := ClipNorm(dev, ps, 0); n != 5 || ps[0].Grad.Host()[0] != 3 {
		t.Errorf("norm %v, gradient %v", n, ps[0].Grad.Host()[0])
	}
	if n := ClipNorm(dev, ps, 1); n != 5 || math.Abs(float64(ps[1].Grad.Host()[0])-.8) > 1e-6 {
		t.Errorf("norm %v, gradient %v", n, ps[1].Grad.Host()[0])
	}
}

func variantOf(name string) variant.Slot[Shape] { return variant.New("schedule", schedules, name) }
