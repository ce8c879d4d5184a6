package compute

import (
	"math"
	"testing"
)

// TestMatMulError: the operands spread over 20 powers of two. An element's error is counted in units of 2^-24,
// float32's own, of the sum of its terms' sizes. Adding 256 terms in order gives a root mean square error of 1. Every
// path is held to the same bound, including amx, which splits its operands.
func TestMatMulError(t *testing.T) {
	eachPath(t, func(t *testing.T, k *kernels) {
		for _, depth := range []int{1, 31, 64, 256, 2048} {
			const m, n = 64, 50
			a, b, y := k.normal(m*depth, 1), k.normal(depth*n, 1), k.poison(m*n)
			for i := range a.Host() {
				a.Host()[i] = float32(math.Ldexp(float64(a.Host()[i]), k.random.IntN(20)-10))
			}
			k.MatMul(y, a, b, m, n, depth, false, false, false)
			x, w := double(a), double(b)
			worst, squares := 0., 0.
			for at, got := range y.Host() {
				exact, sizes := 0., 0.
				for d := range depth {
					term := x[at/n*depth+d] * w[d*n+at%n]
					exact += term
					sizes += math.Abs(term)
				}
				e := math.Abs(float64(got)-exact) / sizes * (1 << 24)
				worst = max(worst, e)
				squares += e * e / (m * n)
			}
			t.Logf("depth %d: %.2f at most, %.2f in the root of the mean square", depth, worst, math.Sqrt(squares))
			if !(worst <= 12 && squares <= 1.5*1.5) {
				t.Errorf("depth %d: an element is %g units off, in the root of the mean square %g", depth, worst,
					math.Sqrt(squares))
			}
		}
	})
}

func TestMatMulDiverged(t *testing.T) {
	eachPath(t, func(_ *testing.T, k *kernels) { k.diverged(math.NaN(), math.Inf(1), math.Inf(-1)) })
}

// diverged checks that a product with one of these numbers in one row shows it in that row only.
func (k *kernels) diverged(numbers ...float64) {
	for _, bad := range numbers {
		a, b, y := k.normal(5*33, 1), k.normal(33*7, 1), k.poison(35)
		a.Host()[2*33+32] = float32(bad)
		k.MatMul(y, a, b, 5, 7, 33, false, true, false)
		for i, x := range y.Host() {
			if finite := !math.IsNaN(float64(x)) && !math.IsInf(float64(x), 0); finite != (i/7 != 2) {
				k.Errorf("with %g in row 2, element %d of row %d is %g", bad, i%7, i/7, x)
			}
		}
	}
}
