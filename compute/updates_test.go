package compute

import (
	"math"
	"testing"
)

// TestUpdates compares every path with the formulas in float64, at lengths with and without a tail. The sign is 0 if
// both momentum and gradient are 0; a NaN passes through.
func TestUpdates(t *testing.T) {
	for _, path := range Paths() {
		dev, err := NewCPU(path, Float32)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(dev.Free)
		for _, n := range []int{1, 7, 16, 83} {
			w, g, m := given(t, dev, n), given(t, dev, n), given(t, dev, n)
			for i := range n {
				w.Host()[i], g.Host()[i], m.Host()[i] = float32(i%5)-1.7, float32(math.Sin(float64(i))),
					float32(math.Cos(float64(3*i)))
			}
			if n > 1 {
				g.Host()[1], m.Host()[1] = 0, 0
			}
			const lr, b1, b2, wd = .25, .75, .875, .5
			want, momentum, mean := make([]float64, n), make([]float64, n), 0.0
			for i := range n {
				x, d, v := float64(w.Host()[i]), float64(g.Host()[i]), float64(m.Host()[i])
				sign := 0.0
				if c := b1*v + (1-b1)*d; c != 0 {
					sign = math.Copysign(1, c)
				}
				want[i], momentum[i] = x-lr*(sign+wd*x), b2*v+(1-b2)*d
				mean += want[i] / float64(n)
			}
			dev.Lion(w, g, m, lr, b1, b2, wd)
			squares := 0.0
			for i := range n {
				if math.Abs(float64(w.Host()[i])-want[i]) > 1e-6 || math.Abs(float64(m.Host()[i])-momentum[i]) > 1e-6 {
					t.Errorf("%s, lion of %d at %d: %v and %v, want %v and %v", path, n, i, w.Host()[i], m.Host()[i], want[i],
						momentum[i])
				}
				squares += (want[i] - mean) * (want[i] - mean)
			}
			gotMean, gotSquares := dev.Moments(w)
			if math.Abs(gotMean-mean) > 1e-6 || math.Abs(gotSquares-squares) > 1e-5*(1+squares) {
				t.Errorf("%s, moments of %d: %v and %v, want %v and %v", path, n, gotMean, gotSquares, mean, squares)
			}
			last := float64(w.Host()[n-1])
			dev.Affine(w, -2, .5)
			if got := float64(w.Host()[n-1]); math.Abs(got-(.5-2*last)) > 1e-6 {
				t.Errorf("%s, affine of %d: %v, want %v", path, n, got, .5-2*last)
			}
			g.Host()[0] = float32(math.NaN())
			if dev.Lion(w, g, m, lr, b1, b2, wd); !math.IsNaN(float64(w.Host()[0])) {
				t.Errorf("%s: lion makes %v of a NaN", path, w.Host()[0])
			}
		}
	}
}
