package compute

import (
	"math"
	"math/rand/v2"
	"testing"
)

// eachPath runs a test on every kernel path of this machine.
func eachPath(t *testing.T, test func(t *testing.T, k *kernels)) {
	t.Helper()
	for _, path := range Paths() {
		t.Run(path, func(t *testing.T) {
			dev, err := NewCPU(path, Float32)
			if err != nil {
				t.Fatal(err)
			}
			defer dev.Free()
			test(t, &kernels{CPU: dev, T: t, random: rand.New(rand.NewPCG(1, 2))})
		})
	}
}

// kernels is a device with random inputs and poisoned outputs.
type kernels struct {
	*CPU
	*testing.T
	random *rand.Rand
}

// Alloc allocates and fails the test on an error.
func (k *kernels) Alloc(n int) Buffer { return given(k.T, k.CPU, n) }

func (k *kernels) AllocInts(n int) Ints {
	k.Helper()
	b, err := k.CPU.AllocInts(n)
	if err != nil {
		k.Fatal(err)
	}
	return b
}

func given(t *testing.T, dev *CPU, n int) Buffer {
	t.Helper()
	b, err := dev.Alloc(n)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// normal returns n numbers from N(0, scale^2).
func (k *kernels) normal(n int, scale float64) Buffer {
	b := k.Alloc(n)
	for i := range b.Host() {
		b.Host()[i] = float32(scale * k.random.NormFloat64())
	}
	return b
}

// positive returns n numbers from [0, 1).
func (k *kernels) positive(n int) Buffer {
	b := k.Alloc(n)
	for i := range b.Host() {
		b.Host()[i] = float32(k.random.Float64())
	}
	return b
}

func (k *kernels) poison(n int) Buffer {
	b := k.Alloc(n)
	for i := range b.Host() {
		b.Host()[i] = float32(math.NaN())
	}
	return b
}

// below returns n tokens below v.
func (k *kernels) below(n, v int) Ints {
	b := k.AllocInts(n)
	for i := range b.Host() {
		b.Host()[i] = int32(k.random.IntN(v))
	}
	return b
}

// close checks that max|got-want| / max|want| is at most most.
func (k *kernels) close(name string, got Buffer, want []float64, most float64) {
	k.Helper()
	if got.Len() != len(want) {
		k.Fatalf("%s: %d numbers, want %d", name, got.Len(), len(want))
	}
	var worst, largest float64
	for i, w := range want {
		d := math.Abs(float64(got.Host()[i]) - w)
		if math.IsNaN(d) {
			d = math.Inf(1)
		}
		worst, largest = max(worst, d), max(largest, math.Abs(w))
	}
	if !(worst <= most*largest) {
		k.Errorf("%s: relative error %.3g, want at most %.3g", name, worst/largest, most)
	}
}

// double returns a buffer in float64.
func double(b Buffer) []float64 {
	out := make([]float64, b.Len())
	for i, x := range b.Host() {
		out[i] = float64(x)
	}
	return out
}

// each returns f of every index below n.
func each(n int, f func(i int) float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = f(i)
	}
	return out
}

// lengths has tails of every size for vectors of 4, 8 and 16 floats.
var lengths = []int{1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 100, 1000}

func TestElementwise(t *testing.T) {
	eachPath(t, func(_ *testing.T, k *kernels) {
		for _, n := range lengths {
			a, b := k.normal(n, 1), k.normal(n, 1)
			x, y := double(a), double(b)
			sum := k.poison(n)
			k.Add(sum, a, b)
			k.close("add", sum, each(n, func(i int) float64 { return x[i] + y[i] }), 1e-7)
			k.Axpby(b, a, 2, -3)
			k.close("axpby", b, each(n, func(i int) float64 { return 2*x[i] - 3*y[i] }), 3e-7)
			k.Scale(a, .3)
			k.close("scale", a, each(n, func(i int) float64 { return .3 * x[i] }), 2e-7)
			if got, want := k.SumSquares(sum), dotted(double(sum), double(sum)); math.Abs(got-want) > 1e-12*want {
				k.Errorf("sum of %d squares: %g, want %g", n, got, want)
			}
		}
	})
}

func dotted(a, b []float64) float64 {
	sum := 0.0
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}

// The exponential is exact to a relative 2e-7 from -87 to 88, clamps what lies outside, and is 1 at 0.
func TestExp(t *testing.T) {
	eachPath(t, func(_ *testing.T, k *kernels) {
		x := k.normal(1<<18, 30)
		y := k.poison(x.Len())
		k.exp(y, x)
		worst := 0.0
		for i, x := range double(x) {
			want := math.Exp(math.Min(88, math.Max(-87, x)))
			worst = math.Max(worst, math.Abs(float64(y.Host()[i])-want)/want)
		}
		if worst > 2e-7 {
			k.Errorf("relative error %g", worst)
		}
		k.Upload(x.Slice(0, 2), []float32{0, float32(math.NaN())})
		k.exp(y, x)
		if y.Host()[0] != 1 || y.Host()[1] == y.Host()[1] {
			k.Errorf("e^0 = %g, e^NaN = %g", y.Host()[0], y.Host()[1])
		}
	})
}

// The bounds are those of the approximations that kernels_path.h states: erf to 1.5e-7 absolute.
func TestActivations(t *testing.T) {
	phi := func(x float64) float64 { return .5 * math.Erfc(-x/math.Sqrt2) }
	density := func(x float64) float64 { return math.Exp(-x*x/2) / math.Sqrt(2*math.Pi) }
	step := func(x float64) float64 {
		if x > 0 {
			return 1
		}
		return 0
	}
	eachPath(t, func(_ *testing.T, k *kernels) {
		for _, n := range lengths {
			in, up := k.normal(n, 3), k.normal(n, 1)
			x, dy := double(in), double(up)
			y, dx := k.poison(n), k.poison(n)
			kept := k.poison(n)
			k.Activate(GELU, y, kept, in)
			k.close("gelu", y, each(n, func(i int) float64 { return x[i] * phi(x[i]) }), 5e-7)
			k.ActivateGrad(GELU, dx, up, kept)
			k.close("gelu grad", dx, each(n, func(i int) float64 { return dy[i] * (phi(x[i]) + x[i]*density(x[i])) }), 1e-6)
			kept = k.poison(n)
			k.Activate(ReLU, y, kept, in)
			k.close("relu", y, each(n, func(i int) float64 { return x[i] * step(x[i]) }), 0)
			k.ActivateGrad(ReLU, dx, up, kept)
			k.close("relu grad", dx, each(n, func(i int) float64 { return dy[i] * step(x[i]) }), 0)
		}
		nan := k.poison(3)
		for _, f := range []Activation{GELU, ReLU} {
			y := k.Alloc(3)
			k.Activate(f, y, Buffer{}, nan)
			if !math.IsNaN(float64(y.Host()[2])) {
				k.Errorf("activation %d loses a NaN", f)
			}
		}
	})
}

func TestMatMul(t *testing.T) {
	sizes := [][3]int{{1, 1, 1}, {5, 3, 7}, {12, 32, 16}, {13, 33, 17}, {64, 192, 64}, {70, 40, 300}, {3, 100, 513}}
	eachPath(t, func(_ *testing.T, k *kernels) {
		for _, size := range sizes {
			m, n, depth := size[0], size[1], size[2]
			for mode := range 8 {
				transA, transB, add := mode&1 > 0, mode&2 > 0, mode&4 > 0
				a, b := k.normal(m*depth, 1), k.normal(depth*n, 1)
				y := k.poison(m * n)
				before := make([]float64, m*n)
				if add {
					y = k.normal(m*n, 1)
					before = double(y)
				}
				x, w := double(a), double(b)
				k.MatMul(y, a, b, m, n, depth, transA, transB, add)
				k.close("matmul", y, each(m*n, func(at int) float64 {
					sum := before[at]
					for d := range depth {
						i, j := (at/n)*depth+d, d*n+at%n
						if transA {
							i = d*m + at/n
						}
						if transB {
							j = (at%n)*depth + d
						}
						sum += x[i] * w[j]
					}
					return sum
				}), 2e-6)
			}
		}
	})
}

// symmetric reports whether the Gram matrix got [m, m] equals want on and below its diagonal, and mirrors it above.
func symmetric(got, want Buffer, m int) bool {
	for i := range m {
		for j := range i + 1 {
			if x := want.Host()[i*m+j]; got.Host()[i*m+j] != x || got.Host()[j*m+i] != x {
				return false
			}
		}
	}
	return true
}

// A Gram matrix has the bits of MatMul; that of a symmetric matrix is its square.
func TestGram(t *testing.T) {
	eachPath(t, func(_ *testing.T, k *kernels) {
		for _, size := range [][2]int{{1, 1}, {5, 7}, {17, 33}, {64, 256}, {100, 19}, {130, 300}, {205, 64}} {
			m, depth := size[0], size[1]
			for _, trans := range []bool{false, true} {
				a := k.normal(m*depth, 1)
				want, got := k.poison(m*m), k.poison(m*m)
				k.MatMul(want, a, a, m, m, depth, trans, !trans, false)
				k.Gram(got, a, m, depth, trans)
				if !symmetric(got, want, m) {
					k.Errorf("%s: the Gram matrix of %d x %d, transposed %v, is not the product's", k.Path(), m, depth, trans)
				}
				square, twice := k.poison(m*m), k.poison(m*m)
				k.MatMul(square, got, got, m, m, m, false, false, false)
				k.Gram(twice, got, m, m, false)
				if !symmetric(twice, square, m) {
					k.Errorf("%s: the Gram matrix of a symmetric %d x %d is not its square", k.Path(), m, m)
				}
			}
		}
	})
}

func TestEmbedding(t *testing.T) {
	const T, D, V = 6, 13, 7
	eachPath(t, func(_ *testing.T, k *kernels) {
		rows := 3 * T
		w, up, tokens := k.normal(V*D, 1), k.normal(rows*D, 1), k.below(rows, V)
		y, dw := k.poison(rows*D), k.poison(V*D)
		k.Embedding(y, w, tokens, D)
		k.close("embedding", y, each(rows*D, func(i int) float64 {
			return float64(w.Host()[int(tokens.Host()[i/D])*D+i%D])
		}), 0)
		k.EmbeddingGrad(dw, up, tokens, D)
		want := make([]float64, V*D)
		for i, g := range double(up) {
			want[int(tokens.Host()[i/D])*D+i%D] += g
		}
		k.close("embedding grad", dw, want, 1e-6)

		p, dp := k.normal(T*D, 1), k.poison(T*D)
		x := double(y)
		k.AddPositions(y, y, p, T, D)
		k.close("positions", y, each(rows*D, func(i int) float64 { return x[i] + float64(p.Host()[i%(T*D)]) }), 2e-7)
		k.AddPositionsGrad(dp, up, T, D)
		want = make([]float64, T*D)
		for i, g := range double(up) {
			want[i%(T*D)] += g
		}
		k.close("positions grad", dp, want, 1e-6)
	})
}

// A token outside the vocabulary must not read other memory.
func TestTokensOutside(t *testing.T) {
	eachPath(t, func(_ *testing.T, k *kernels) {
		refused := func(name string, f func()) {
			defer func() {
				if recover() == nil {
					k.Errorf("%s accepts a token outside the vocabulary", name)
				}
			}()
			f()
		}
		for _, token := range []int32{-1, 5} {
			tokens := k.AllocInts(1)
			tokens.Host()[0] = token
			refused("embedding", func() { k.Embedding(k.Alloc(4), k.Alloc(20), tokens, 4) })
			refused("embedding grad", func() { k.EmbeddingGrad(k.Alloc(20), k.Alloc(4), tokens, 4) })
		}
		target := k.AllocInts(1)
		target.Host()[0] = 5
		refused("cross entropy", func() { k.CrossEntropy(k.Alloc(1), k.Alloc(1), k.Alloc(5), target, 5, 1) })
		refused("cross entropy grad", func() {
			k.CrossEntropyGrad(k.Alloc(5), k.Alloc(1), k.Alloc(5), k.Alloc(1), target, 5, 1)
		})
	})
}

func TestCrossEntropy(t *testing.T) {
	const rows, scale = 5, .25
	eachPath(t, func(_ *testing.T, k *kernels) {
		for _, v := range lengths {
			logits, targets := k.normal(rows*v, 4), k.below(rows, v)
			targets.Host()[2] = -1
			loss, lse, dlogits, dloss := k.poison(1), k.poison(rows), k.poison(rows*v), k.normal(1, 1)
			z := double(logits)
			sum := 0.0
			logs := each(rows, func(r int) float64 {
				total := 0.0
				for _, x := range z[r*v : (r+1)*v] {
					total += math.Exp(x)
				}
				return math.Log(total)
			})
			for r, target := range targets.Host() {
				if target >= 0 {
					sum += logs[r] - z[r*v+int(target)]
				}
			}
			k.CrossEntropy(loss, lse, logits, targets, v, scale)
			if want := sum * scale; math.Abs(float64(loss.Host()[0])-want) > 1e-6*(1+math.Abs(want)) {
				k.Errorf("cross entropy over %d: %g, want %g", v, loss.Host()[0], want)
			}
			k.CrossEntropyGrad(dlogits, dloss, logits, lse, targets, v, scale)
			factor := scale * float64(dloss.Host()[0])
			want := each(rows*v, func(i int) float64 {
				target := int(targets.Host()[i/v])
				switch {
				case target < 0:
					return 0
				case target == i%v:
					return factor * (math.Exp(z[i]-logs[i/v]) - 1)
				}
				return factor * math.Exp(z[i]-logs[i/v])
			})
			if v > 1 { // with one token the gradient is 0 and has no relative error
				k.close("cross entropy grad", dlogits, want, 2e-6)
			}
		}
	})
}

func TestAdamW(t *testing.T) {
	const lr, b1, b2, eps, wd, c1, c2 = .01, .9, .95, 1e-8, .1, .19, .0975
	eachPath(t, func(_ *testing.T, k *kernels) {
		for _, n := range lengths {
			w, g, m, v := k.normal(n, 1), k.normal(n, 1), k.normal(n, 1), k.positive(n)
			w0, g0, m0, v0 := double(w), double(g), double(m), double(v)
			first := func(i int) float64 { return b1*m0[i] + (1-b1)*g0[i] }
			second := func(i int) float64 { return b2*v0[i] + (1-b2)*g0[i]*g0[i] }
			k.AdamW(w, g, m, v, lr, b1, b2, eps, wd, c1, c2)
			k.close("first moment", m, each(n, first), 5e-7)
			k.close("second moment", v, each(n, second), 5e-7)
			k.close("adamw", w, each(n, func(i int) float64 {
				return w0[i] - lr*(first(i)/c1/(math.Sqrt(second(i)/c2)+eps)+wd*w0[i])
			}), 1e-6)
		}
	})
}
