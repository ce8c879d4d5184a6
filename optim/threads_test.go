package optim

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"testing"

	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/rng"
	"github.com/outcrop-lab/outcrop/variant"
)

// team returns that many threads, each with a device.
func team(t *testing.T, threads int) Threads {
	x := Threads{Team: compute.NewTeam(threads)}
	t.Cleanup(x.Team.Close)
	for range threads {
		x.Devices = append(x.Devices, device(t))
	}
	return x
}

// batch returns parameters of every kind, shorter and longer than a part, wide and tall, with gradients of three
// slices; redraw draws new gradients.
func batch(dev compute.Device) (params []Param, redraw func(step int)) {
	r := rng.New(0, "optim").Rand()
	fill := func(buffers ...compute.Buffer) {
		for _, b := range buffers {
			for i := range b.Host() {
				b.Host()[i] = float32(r.NormFloat64())
			}
		}
	}
	for i, p := range []struct {
		kind  Kind
		shape []int
	}{{Embedding, []int{130, 40}}, {Vector, []int{40}}, {Matrix, []int{40, 40}}, {Matrix, []int{120, 40}},
		{Matrix, []int{40, 160}}, {Scalar, []int{1}}, {Head, []int{131, 40}}} {
		size := p.shape[0]
		if len(p.shape) == 2 {
			size *= p.shape[1]
		}
		q := Param{Name: fmt.Sprint(i), Kind: p.kind, Shape: p.shape, Value: must(dev.Alloc(size)),
			Grad: must(dev.Alloc(size))}
		q.Further = []compute.Buffer{must(dev.Alloc(size)), must(dev.Alloc(size))}
		params = append(params, q)
	}
	redraw = func(step int) {
		r.Reset(rng.New(0, "optim").At(step))
		for _, p := range params {
			if step == 0 {
				fill(p.Value)
			}
			fill(append(p.Further, p.Grad)...)
		}
	}
	redraw(0)
	return params, redraw
}

// Every optimizer, and Muon for all parameters, with clipping: norms, weights and state are the same with one, two and
// three threads. A step allocates nothing and leaves no goroutine.
func TestBitsDoNotDependOnThreads(t *testing.T) {
	configs := map[string]Config{}
	for name := range optimizers {
		c := Default()
		c.Slot = variant.New("optimizer", optimizers, name)
		configs[name] = c
	}
	all := Default()
	all.Slot = variant.New("optimizer", optimizers, "muon")
	all.Value.(*Muon).Embeddings, all.Value.(*Muon).Vectors = "muon", "normalised"
	configs["muon of everything"] = all
	for name, c := range configs {
		var want []uint32
		for threads := 1; threads <= 3; threads++ {
			on := team(t, threads)
			params, redraw := batch(on.Devices[0])
			gradient, o := NewGradient(on, params), must(c.New(on, params))
			var got []uint32
			step := func() {
				norm := gradient.Sum()
				if ClipFactor(norm, 1) == 1 {
					t.Fatalf("%s: a norm of %v is not clipped", name, norm)
				}
				got = append(got, uint32(math.Float64bits(norm)>>32), uint32(math.Float64bits(norm)))
				o.Step(1e-2, ClipFactor(norm, 1))
			}
			for i := range 4 {
				redraw(i)
				step()
				got = append(got, bits(o.State().Buffers)...)
				for _, p := range params {
					got = append(got, bits([]compute.Buffer{p.Value, p.Grad})...)
				}
			}
			if threads == 1 {
				want = got
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: other bits with %d threads than with one", name, threads)
			}
			before := runtime.NumGoroutine()
			got = slices.Grow(got, 100)
			if n := testing.AllocsPerRun(10, step); n != 0 {
				t.Errorf("%s: %v allocations a step with %d threads", name, n, threads)
			}
			if after := runtime.NumGoroutine(); after > before {
				t.Errorf("%s: %d goroutines after, %d before", name, after, before)
			}
		}
	}
}

func bits(buffers []compute.Buffer) (all []uint32) {
	for _, b := range buffers {
		for _, x := range b.Host() {
			all = append(all, math.Float32bits(x))
		}
	}
	return all
}

// The parts hold each element once, in order, and have equal lengths except for the last.
func TestCut(t *testing.T) {
	params, _ := batch(device(t))
	n := 0
	for _, p := range params {
		for i := range p.Value.Host() {
			p.Value.Host()[i], p.Further[1].Host()[i] = float32(n), float32(-n)
			n++
		}
	}
	parts, at := cut(params), 0
	for i, part := range parts {
		from := at
		for _, p := range part {
			for j, x := range p.Value.Host() {
				if x != float32(at) || p.Further[1].Host()[j] != -x {
					t.Fatalf("part %d: %v and %v, want %d", i, x, p.Further[1].Host()[j], at)
				}
				at++
			}
		}
		if length := at - from; length != partLen && i < len(parts)-1 {
			t.Errorf("part %d has %d elements", i, length)
		}
	}
	if at != n {
		t.Errorf("%d elements of %d", at, n)
	}
}

// (1, 0) + (1, 1) + (1, 3) = (3, 4), of norm 5. If the gradient is not finite, nor is its norm.
func TestGradientByHand(t *testing.T) {
	dev := device(t)
	p := param(dev, Vector, []int{2}, []float32{0, 0}, []float32{1, 0})
	for _, g := range [][]float32{{1, 1}, {1, 3}} {
		p.Further = append(p.Further, param(dev, Vector, []int{2}, g, g).Grad)
	}
	g := NewGradient(alone(dev), []Param{p})
	if norm := g.Sum(); norm != 5 || !slices.Equal(p.Grad.Host(), []float32{3, 4}) {
		t.Errorf("norm %v of %v", norm, p.Grad.Host())
	}
	for _, bad := range []float64{math.NaN(), math.Inf(1)} {
		p.Grad.Host()[0] = float32(bad)
		if norm := g.Sum(); !math.IsNaN(norm) && !math.IsInf(norm, 1) {
			t.Errorf("%v: norm %v", bad, norm)
		}
	}
}

func TestClipFactor(t *testing.T) {
	for _, c := range []struct {
		norm, max float64
		want      float32
	}{{5, 0, 1}, {5, 1, .2}, {5, 5, 1}, {1, 5, 1}, {math.NaN(), 1, 1}, {math.Inf(1), 1, 1}} {
		if got := ClipFactor(c.norm, c.max); got != c.want {
			t.Errorf("norm %v, max %v: %v, want %v", c.norm, c.max, got, c.want)
		}
	}
}
