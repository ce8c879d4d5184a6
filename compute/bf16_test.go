package compute

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// eachBF16 tests a device with bf16 products on each path that has them. It skips the test if there is none.
func eachBF16(t *testing.T, test func(t *testing.T, k *kernels)) {
	t.Helper()
	if err := Can("", BF16); err != nil {
		t.Skip(err)
	}
	for _, path := range Paths() {
		if Can(path, BF16) != nil {
			continue
		}
		t.Run(path, func(t *testing.T) {
			dev, err := NewCPU(path, BF16)
			if err != nil {
				t.Fatal(err)
			}
			defer dev.Free()
			test(t, &kernels{CPU: dev, T: t, random: rand.New(rand.NewPCG(1, 2))})
		})
	}
}

// rounded returns x rounded to 8 bits of significand, ties to even.
func rounded(x float64) float64 {
	if x == 0 {
		return 0
	}
	_, e := math.Frexp(x)
	unit := math.Ldexp(1, e-8)
	return math.RoundToEven(x/unit) * unit
}

// TestMatMulBF16: rounding moves an operand by at most a fraction u = 2^-8, so a product by 2u + u^2. The rest of the
// error is that of float32 sums.
func TestMatMulBF16(t *testing.T) { eachBF16(t, matMulBF16) }

func matMulBF16(t *testing.T, k *kernels) {
	sizes := [][3]int{{1, 1, 1}, {5, 3, 7}, {12, 32, 16}, {13, 33, 17}, {64, 192, 64}, {70, 40, 300}, {19, 300, 35},
		{3, 100, 1101}, {1369, 17, 34}, {100, 70, 0}, {0, 3, 4}, {4, 0, 3}}
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
			if k.MatMul(y, a, b, m, n, depth, transA, transB, add); m*n == 0 {
				continue
			}
			want := slices.Clone(before)
			for at := range want {
				exact, sizes := before[at], math.Abs(before[at])
				for d := range depth {
					i, j := (at/n)*depth+d, d*n+at%n
					if transA {
						i = d*m + at/n
					}
					if transB {
						j = (at%n)*depth + d
					}
					want[at] += rounded(x[i]) * rounded(w[j])
					exact += x[i] * w[j]
					sizes += math.Abs(x[i] * w[j])
				}
				const u = 1. / 256
				if d := math.Abs(float64(y.Host()[at]) - exact); !(d <= (2*u+u*u+1e-6)*sizes) {
					t.Fatalf("%v, mode %d: element %d is off by %g; its terms' sizes sum to %g", size, mode, at, d, sizes)
				}
			}
			if depth > 0 || add {
				k.close("matmul of rounded operands", y, want, 2e-6)
			} else if slices.Max(y.Host()) != 0 || slices.Min(y.Host()) != 0 {
				t.Errorf("%v: an empty product is not 0", size)
			}
		}
	}
}

// TestMatMulBF16Bits: an element has the same bits wherever it stands in a product, so that slices of a batch and the
// number of threads change nothing.
func TestMatMulBF16Bits(t *testing.T) { eachBF16(t, matMulBF16Bits) }

func matMulBF16Bits(t *testing.T, k *kernels) {
	const m, n, depth = 1400, 290, 1030
	a, b, y := k.normal(m*depth, 1), k.normal(n*depth, 1), k.poison(m*n)
	k.MatMul(y, a, b, m, n, depth, false, true, false)
	for _, rows := range []int{1, 5, 100} {
		const from, at, some = 7, 203, 41
		part := k.poison(rows * some)
		k.MatMul(part, a.Slice(from*depth, (from+rows)*depth), b.Slice(at*depth, (at+some)*depth), rows, some, depth, false,
			true, false)
		for r := range rows {
			if start := (from+r)*n + at; !slices.Equal(part.Host()[r*some:(r+1)*some], y.Host()[start:start+some]) {
				t.Fatalf("row %d of %d has other bits on its own", r, rows)
			}
		}
	}
	across, turned := k.Alloc(m*depth), k.poison(m*n)
	for i, x := range a.Host() {
		across.Host()[i%depth*m+i/depth] = x
	}
	k.MatMul(turned, across, b, m, n, depth, true, true, false)
	if !slices.Equal(turned.Host(), y.Host()) {
		t.Error("the transposed operand gives other bits")
	}
}

func TestMatMulBF16Diverged(t *testing.T) {
	eachBF16(t, func(_ *testing.T, k *kernels) {
		k.diverged(math.NaN(), math.Inf(1), math.MaxFloat32) // the last rounds to infinity
	})
}

// TestGramBF16: a BF16 device computes Gram in float32.
func TestGramBF16(t *testing.T) { eachBF16(t, gramBF16) }

func gramBF16(t *testing.T, k *kernels) {
	single, err := NewCPU(k.Path(), Float32)
	if err != nil {
		t.Fatal(err)
	}
	defer single.Free()
	a, got, want := k.normal(20*70, 1), k.poison(400), k.poison(400)
	k.Gram(got, a, 20, 70, false)
	single.MatMul(want, a, a, 20, 20, 70, false, true, false)
	if !symmetric(got, want, 20) {
		t.Error("the Gram matrix differs from float32's")
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct {
		path      string
		precision Precision
		want      string
	}{
		{"portable", BF16,
			"bf16 needs the instruction vdpbf16ps (avx512_bf16), which the portable kernels lack: use float32, or "},
		{"avx2", BF16, "bf16 needs the instruction vdpbf16ps (avx512_bf16), which the avx2 kernels lack: use float32, or "},
		{"avx512", BF16, "bf16 needs the instruction vdpbf16ps (avx512_bf16), which this processor lacks: use float32 or "},
		{"", "float16", `no precision "float16" (float32, bf16)`},
		{"abacus", Float32, `no kernel path "abacus" on this machine (`},
	} {
		want := c.want
		if c.path != "" && c.path != "abacus" && !slices.Contains(Paths(), c.path) {
			want = "no kernel path "
		}
		if c.path == "avx512" && Can("", BF16) == nil {
			continue
		}
		dev, err := NewCPU(c.path, c.precision)
		if err == nil {
			dev.Free()
			t.Errorf("%s kernels take %s", c.path, c.precision)
		} else if !strings.HasPrefix(err.Error(), "compute: "+want) {
			t.Errorf("%s, %s: %v, want %s", c.path, c.precision, err, want)
		}
	}
}
