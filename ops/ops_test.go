package ops

import (
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"gorgonia.org/gorgonia"

	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/rng"
)

// tied is the smallest network in which gorgonia must sum gradients: x = E[tokens], y = x + gelu(norm(x) W^T), logits =
// y E^T. The stream x and the embedding E are each used twice.
type tied struct {
	ctx            *Context
	loss           *gorgonia.Node
	e, g, w        *gorgonia.Node
	eb, gb, wb     compute.Buffer
	tokens, answer []int32
}

const (
	vocab = 5
	width = 4
	rows  = 6
)

func alloc(t *testing.T, dev compute.Device, n int) compute.Buffer {
	t.Helper()
	b, err := dev.Alloc(n)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func ints(t *testing.T, dev compute.Device, n int) compute.Ints {
	t.Helper()
	b, err := dev.AllocInts(n)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func newTied(t *testing.T, dev compute.Device) *tied {
	t.Helper()
	n := &tied{ctx: NewContext(dev), tokens: []int32{0, 3, 1, 3, 4, 2}, answer: []int32{1, 2, -1, 0, 4, 4}}
	random := rng.New(1, "test").Rand()
	leaf := func(name string, b *compute.Buffer, shape ...int) *gorgonia.Node {
		size := 1
		for _, s := range shape {
			size *= s
		}
		*b = alloc(t, dev, size)
		for i := range b.Host() {
			b.Host()[i] = float32(random.NormFloat64())
		}
		return n.ctx.Leaf(name, *b, shape...)
	}
	n.e, n.g, n.w = leaf("e", &n.eb, vocab, width), leaf("g", &n.gb, width), leaf("w", &n.wb, width, width)
	tokens, answer := ints(t, dev, rows), ints(t, dev, rows)
	dev.UploadInts(tokens, n.tokens)
	dev.UploadInts(answer, n.answer)
	x := must(t)(n.ctx.Embedding(n.e, tokens))
	h := must(t)(n.ctx.Linear(must(t)(n.ctx.RMSNorm(x, n.g, 1e-6)), n.wb, n.w))
	y := must(t)(n.ctx.Add(x, must(t)(n.ctx.Activate(compute.GELU, h))))
	n.loss = must(t)(n.ctx.CrossEntropy(must(t)(n.ctx.Linear(y, n.eb, n.e)), answer, 1.0/rows))
	return n
}

// float64Loss is the same network in float64.
func (n *tied) float64Loss(e, g, w []float64) float64 {
	sum := 0.0
	for r, token := range n.tokens {
		if n.answer[r] < 0 {
			continue
		}
		x := e[int(token)*width:][:width]
		squares := 0.0
		for _, v := range x {
			squares += v * v
		}
		inverse := 1 / math.Sqrt(squares/width+1e-6)
		y := slices.Clone(x)
		for i := range y {
			h := 0.0
			for j := range x {
				h += w[i*width+j] * x[j] * inverse * g[j]
			}
			y[i] += h * 0.5 * math.Erfc(-h/math.Sqrt2)
		}
		total, logit := 0.0, 0.0
		for v := range vocab {
			dot := 0.0
			for j := range y {
				dot += y[j] * e[v*width+j]
			}
			total += math.Exp(dot)
			if v == int(n.answer[r]) {
				logit = dot
			}
		}
		sum += math.Log(total) - logit
	}
	return sum / rows
}

func must(t *testing.T) func(*gorgonia.Node, error) *gorgonia.Node {
	return func(n *gorgonia.Node, err error) *gorgonia.Node {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
}

func newCPU(t *testing.T) compute.Device { return newCPUOf(t, compute.Float32) }

func newCPUOf(t *testing.T, p compute.Precision) compute.Device {
	t.Helper()
	dev, err := compute.NewCPU("", p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(dev.Free)
	return dev
}

func compile(t *testing.T, c *Context) *Program {
	t.Helper()
	p, err := c.Compile()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// TestSummedGradients checks the gradients of a value that is used twice against central differences of the float64
// network (step 1e-6: good to about 1e-9), on the tape and on replays with other parameters.
func TestSummedGradients(t *testing.T) {
	n := newTied(t, newCPU(t))
	grads, err := n.ctx.Grad(n.loss, n.e, n.g, n.w)
	if err != nil {
		t.Fatal(err)
	}
	got, err := n.ctx.Buffer(n.loss)
	if err != nil {
		t.Fatal(err)
	}
	p := compile(t, n.ctx)
	buffers := []compute.Buffer{n.eb, n.gb, n.wb}
	for _, way := range []string{"tape", "replay", "replay again"} {
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		var values [][]float64
		for _, b := range buffers {
			var v []float64
			for _, x := range b.Host() {
				v = append(v, float64(x))
			}
			values = append(values, v)
		}
		loss := func() float64 { return n.float64Loss(values[0], values[1], values[2]) }
		if e := math.Abs(float64(got.Host()[0])/loss() - 1); !(e <= 1e-5) {
			t.Errorf("%s: loss %v, want %v", way, got.Host()[0], loss())
		}
		for i, v := range values {
			b, err := n.ctx.Buffer(grads[i])
			if err != nil {
				t.Fatal(err)
			}
			const h = 1e-6
			off, size := 0.0, 0.0
			for j, g := range b.Host() {
				old := v[j]
				v[j] = old + h
				up := loss()
				v[j] = old - h
				want := (up - loss()) / (2 * h)
				v[j] = old
				off, size = max(off, math.Abs(float64(g)-want)), max(size, math.Abs(want))
			}
			if !(off <= 1e-5*size) {
				t.Errorf("%s: gradient %d is off by %.2g of %.2g", way, i, off, size)
			}
		}
		for _, b := range buffers { // another point for the next run
			for j := range b.Host() {
				b.Host()[j] *= -0.9
			}
		}
	}
}

// TestDeepSums: each of 64 residual additions, one reading the other, sums gradients; finding their memory takes no
// longer for each than for the one before.
func TestDeepSums(t *testing.T) {
	dev := newCPU(t)
	n := newTied(t, dev)
	tokens := ints(t, dev, rows)
	x := must(t)(n.ctx.Embedding(n.e, tokens))
	for range 64 {
		x = must(t)(n.ctx.Add(x, must(t)(n.ctx.Activate(compute.ReLU, x))))
	}
	loss := must(t)(n.ctx.CrossEntropy(must(t)(n.ctx.Linear(x, n.eb, n.e)), tokens, 1))
	if _, err := n.ctx.Grad(loss, n.e); err != nil {
		t.Fatal(err)
	}
	if err := compile(t, n.ctx).Run(); err != nil {
		t.Fatal(err)
	}
}

// TestMemoryIsLent: in a chain of ops each reads only the one before, so two values suffice. A value asked for before
// the first run has memory of its own and stays valid, one asked for later is refused, and the last is available
// unasked.
func TestMemoryIsLent(t *testing.T) {
	const n, long = 4096, 8
	dev := newCPU(t)
	c := NewContext(dev)
	b := alloc(t, dev, n)
	for i := range b.Host() {
		b.Host()[i] = 1
	}
	x := c.Leaf("x", b, 1, n)
	chain := []*gorgonia.Node{x}
	for range long {
		x = must(t)(c.Add(must(t)(c.Activate(compute.Identity, x)), x)) // twice x
		chain = append(chain, x)
	}
	kept, err := c.Buffer(chain[3])
	if err != nil {
		t.Fatal(err)
	}
	p := compile(t, c)
	before := dev.Bytes()
	for range 2 {
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		last, err := c.Buffer(x)
		if err != nil {
			t.Fatal(err)
		}
		if last.Host()[n-1] != 1<<long || kept.Host()[n-1] != 1<<3 {
			t.Errorf("the last is %v, want %d; the third %v, want 8", last.Host()[n-1], 1<<long, kept.Host()[n-1])
		}
		if took := dev.Bytes() - before; took > 3*4*n {
			t.Errorf("%d ops took %d bytes, want three values of %d at most", 2*long, took, 4*n)
		}
	}
	if _, err := c.Buffer(chain[2]); err == nil || !strings.Contains(err.Error(), "given to later values") {
		t.Errorf("a value whose memory was given away: %v", err)
	}
}

// watched counts the goroutines that exist while a kernel runs.
type watched struct {
	compute.Device
	most int
}

func (w *watched) RMSNorm(y, rinv, x, g compute.Buffer, d int, eps float32) {
	w.most = max(w.most, runtime.NumGoroutine())
	w.Device.RMSNorm(y, rinv, x, g, d, eps)
}

// settled returns the number of goroutines once it is stable: a closed tape machine takes a while to end its own.
func settled() int {
	n := runtime.NumGoroutine()
	for still := 0; still < 10; still++ {
		time.Sleep(2 * time.Millisecond)
		if now := runtime.NumGoroutine(); now != n {
			n, still = now, 0
		}
	}
	return n
}

// TestReplayIsBare: the tape machine starts a goroutine, which the watch must see; a replay starts none and allocates
// nothing.
func TestReplayIsBare(t *testing.T) {
	dev := &watched{Device: newCPU(t)}
	n := newTied(t, dev)
	if _, err := n.ctx.Grad(n.loss, n.e, n.g, n.w); err != nil {
		t.Fatal(err)
	}
	p := compile(t, n.ctx)
	before := settled()
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	if dev.most <= before {
		t.Error("the watch saw no goroutine of the tape machine")
	}
	dev.most = 0
	before = settled()
	allocs := testing.AllocsPerRun(10, func() {
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
	})
	if allocs != 0 || dev.most > before {
		t.Errorf("a replay allocates %v times and has %d goroutines, %d before it", allocs, dev.most, before)
	}
}

func TestStockOpsAreRefused(t *testing.T) {
	n := newTied(t, newCPU(t))
	must(t)(gorgonia.Square(n.w))
	if _, err := n.ctx.Compile(); err == nil || !strings.Contains(err.Error(), "stock op") {
		t.Errorf("a stock square compiles: %v", err)
	}
	n = newTied(t, newCPU(t))
	sum := must(t)(gorgonia.Add(n.w, n.w))
	if _, err := n.ctx.Compile(); err == nil {
		t.Errorf("a stock addition %v outside the gradients compiles", sum)
	}
}

func TestRefusals(t *testing.T) {
	dev := newCPU(t)
	n := newTied(t, dev)
	x := n.ctx.Leaf("x", alloc(t, dev, 8), 2, width)
	if _, err := n.ctx.Linear(x, n.wb, n.w, n.w); err == nil {
		t.Error("weights that do not lie next to each other are no error")
	}
	if _, err := n.ctx.Linear(n.ctx.Leaf("y", alloc(t, dev, 6), 2, 3), n.wb, n.w); err == nil {
		t.Error("a weight of another width is no error")
	}
	if _, err := n.ctx.Add(x, n.w); err == nil {
		t.Error("a sum of two shapes is no error")
	}
	if _, err := n.ctx.Side(x, 2, width); err == nil {
		t.Error("a leaf has no side")
	}
}

// TestEpilogues: activations and their gradients become epilogues of the products that they read, and no bit changes.
func TestEpilogues(t *testing.T) {
	dev := newCPU(t)
	c := NewContext(dev)
	random := rng.New(3, "test").Rand()
	leaf := func(name string, shape ...int) (compute.Buffer, *gorgonia.Node) {
		b := alloc(t, dev, shape[0]*shape[1])
		for i := range b.Host() {
			b.Host()[i] = float32(random.NormFloat64())
		}
		return b, c.Leaf(name, b, shape...)
	}
	const R, D, H = 40, 20, 50
	_, x := leaf("x", R, D)
	upb, up := leaf("up", H, D)
	downb, down := leaf("down", D, H)
	headb, head := leaf("head", vocab, D)
	h := must(t)(c.Linear(x, upb, up))
	y := must(t)(c.Linear(must(t)(c.Activate(compute.GELU, h)), downb, down))
	loss := must(t)(c.CrossEntropy(must(t)(c.Linear(must(t)(c.Add(x, y)), headb, head)), ints(t, dev, R), 1))
	grads, err := c.Grad(loss, x, up, down, head)
	if err != nil {
		t.Fatal(err)
	}
	var results []compute.Buffer
	for _, n := range append(gorgonia.Nodes{loss}, grads...) {
		b, err := c.Buffer(n)
		if err != nil {
			t.Fatal(err)
		}
		results = append(results, b)
	}
	p := compile(t, c)
	var tape [][]float32
	for run := range 3 {
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		for i, b := range results {
			if run == 0 {
				tape = append(tape, slices.Clone(b.Host()))
			} else if !slices.Equal(b.Host(), tape[i]) {
				t.Errorf("replay %d: result %d is not the tape's", run, i)
			}
			for j := range b.Host() {
				b.Host()[j] = float32(math.NaN())
			}
		}
	}
	// Forward: up with its activation, down, the addition, head, cross-entropy. Backward: the gradients of cross-entropy,
	// of head, of down with that of the activation, of up, and the sum of the gradients of x.
	if len(c.calls) != 10 {
		t.Errorf("%d kernel calls, want 10", len(c.calls))
	}
}
