package ops

import (
	"math"
	"testing"

	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/rng"
)

// upstream stores the gradient that reaches a linear layer.
type upstream struct {
	compute.Device
	dy compute.Buffer
}

func (u *upstream) MatMul(c, a, b compute.Buffer, m, n, k int, transA, transB, add bool) {
	if transA {
		u.dy = a
	}
	u.Device.MatMul(c, a, b, m, n, k, transA, transB, add)
}

// TestLinearBF16: y = x W^T, dx = dy W and dW = dy^T x equal float64's results on operands rounded to bf16. They differ
// from the unrounded results by the rounding only: an operand moves by at most 2^-8, so an element by 2^-7 of the sum
// of its terms' sizes.
func TestLinearBF16(t *testing.T) { //nolint:funlen // one network checked on the tape and on a replay
	if err := compute.Can("", compute.BF16); err != nil {
		t.Skip(err)
	}
	const R, in, out = 37, 21, 50
	dev := &upstream{Device: newCPUOf(t, compute.BF16)}
	c := NewContext(dev)
	random := rng.New(2, "test").Rand()
	xb, wb := alloc(t, dev, R*in), alloc(t, dev, out*in)
	for _, b := range []compute.Buffer{xb, wb} {
		for i := range b.Host() {
			b.Host()[i] = float32(random.NormFloat64())
		}
	}
	targets := ints(t, dev, R)
	x, w := c.Leaf("x", xb, R, in), c.Leaf("w", wb, out, in)
	y := must(t)(c.Linear(x, wb, w))
	loss := must(t)(c.CrossEntropy(y, targets, 1))
	grads, err := c.Grad(loss, x, w)
	if err != nil {
		t.Fatal(err)
	}
	p := compile(t, c)
	buffer := func(i int) compute.Buffer {
		b, err := c.Buffer(grads[i])
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	yb, err := c.Buffer(y)
	if err != nil {
		t.Fatal(err)
	}
	dx, dw := buffer(0), buffer(1)
	for _, way := range []string{"tape", "replay"} {
		for _, b := range []compute.Buffer{yb, dx, dw} {
			for i := range b.Host() {
				b.Host()[i] = float32(math.NaN())
			}
		}
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		// got[i, j] = sum over k of a[i*ai + k*ak] b[j*bj + k*bk]
		check := func(name string, got, a, b compute.Buffer, n, k, ai, ak, bj, bk int) {
			largest, worst := 0.0, 0.0
			for at, g := range got.Host() {
				want, exact, terms := 0.0, 0.0, 0.0
				for d := range k {
					x, w := a.Host()[at/n*ai+d*ak], b.Host()[at%n*bj+d*bk]
					want += toBF16(x) * toBF16(w)
					exact += float64(x) * float64(w)
					terms += math.Abs(float64(x) * float64(w))
				}
				if d := math.Abs(float64(g) - exact); !(d <= terms/127) {
					t.Errorf("%s: %s[%d] is off by %g; its terms' sizes sum to %g", way, name, at, d, terms)
				}
				largest, worst = max(largest, math.Abs(want)), max(worst, math.Abs(float64(g)-want))
			}
			if !(worst <= 2e-6*largest) {
				t.Errorf("%s: %s is off by %g of %g from the product of rounded operands", way, name, worst, largest)
			}
		}
		check("y", yb, xb, wb, out, in, in, 1, in, 1)
		dy := dev.dy
		check("dx", dx, dy, wb, in, out, out, 1, 1, in)
		check("dW", dw, dy, xb, in, R, 1, out, 1, in)
	}
}

// toBF16 rounds to the nearest number with 8 bits of significand, ties to even.
func toBF16(x float32) float64 {
	bits := math.Float32bits(x)
	bits += 0x7fff + bits>>16&1
	return float64(math.Float32frombits(bits &^ 0xffff))
}
