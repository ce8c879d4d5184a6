package probes

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/mat"
	"pgregory.net/rapid"

	"github.com/outcrop-lab/outcrop/rng"
)

// The four bounds of arXiv 2510.06477 hold up to rounding in float64 for every X with x_0 != 0 and min(T, C) >= 2.
func TestTheoremBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows, cols := rapid.IntRange(2, 12).Draw(t, "T"), rapid.IntRange(2, 12).Draw(t, "C")
		x := mat.NewDense(rows, cols, nil)
		for i := range rows {
			scale := math.Pow(10, float64(rapid.IntRange(-3, 3).Draw(t, "scale")))
			along := rapid.Float64Range(-1, 1).Draw(t, "along")
			for j := range cols {
				x.Set(i, j, scale*rapid.Float64Range(-1, 1).Draw(t, "x"))
				if i > 0 {
					x.Set(i, j, x.At(i, j)+along*x.At(0, j))
				}
			}
		}
		if mat.Norm(x.RowView(0), 2) < 1e-6 || mat.Norm(x.Slice(1, rows, 0, cols), 2) < 1e-6 {
			t.Skip("the theorem needs x_0 and another row that are not 0")
		}
		s := spectrumOf(x)
		// Rounding of sums of up to 144 squares, relative to the largest of them.
		const eps = 1e-13
		if p := s.share(); s.squares[0] < p*s.whole*(1-eps) || s.anisotropy() < p-eps {
			t.Fatalf("sigma_1^2 %v, p_1 %v, below p = %v", s.squares[0], s.anisotropy(), p)
		}
		if left, right := s.squares[0]*(1-s.alpha), (s.c+s.alpha)*s.rest(); left < right-eps*(1+s.c)*s.whole {
			t.Fatalf("gap: %v < %v", left, right)
		}
		// Near p = 1 the entropy has a slope of log(1/eps), some 30.
		if h, bound := s.entropy(), s.entropyBound(); h > bound+30*eps {
			t.Fatalf("H %v > %v", h, bound)
		}
	})
}

// X = diag(3, 4i) by hand: orthogonal rows of norms a and b have sigma^2 = a^2, b^2 and alpha = 0.
func TestSpectrumOfOrthogonalRows(t *testing.T) {
	x := mat.NewDense(2, 3, []float64{3, 0, 0, 0, 0, 4})
	s := spectrumOf(x)
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"sigma_1^2", s.squares[0], 16}, {"sigma_2^2", s.squares[1], 9}, {"||X||^2", s.whole, 25},
		{"c", s.c, 9. / 16}, {"alpha", s.alpha, 0}, {"p", s.share(), 9. / 25}, {"p_1", s.anisotropy(), 16. / 25},
		{"H", s.entropy(), -.64*math.Log(.64) - .36*math.Log(.36)},
		{"gap", s.gap(), (9. / 16) * 9 / 16},
		{"bound on H", s.entropyBound(), -.64*math.Log(.64) - .36*math.Log(.36)}, // log(r-1) = 0
	} {
		if math.Abs(c.got-c.want) > 1e-13 {
			t.Errorf("%s: %v, want %v", c.name, c.got, c.want)
		}
	}
}

// The identity spreads over all directions, equal rows over one direction.
func TestRepresentationExtremes(t *testing.T) {
	for _, c := range []struct {
		data []float32
		want map[string]float64
	}{
		{[]float32{1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1},
			map[string]float64{"matrix_entropy": 2, "matrix_entropy_normalised": 1, "effective_rank": 4, "anisotropy": .25,
				"bound_sigma1": 1, "bound_anisotropy": 1, "bound_entropy": 1}},
		{[]float32{1, -2, 0, 2, 1, -2, 0, 2, 1, -2, 0, 2, 1, -2, 0, 2},
			map[string]float64{"matrix_entropy": 0, "matrix_entropy_normalised": 0, "effective_rank": 1, "anisotropy": 1,
				"bound_sigma1": 1, "bound_anisotropy": 1}},
	} {
		l := &Layer{B: 1, T: 4, D: 4, H: 1, Sites: []Site{{Name: ResidPost, Shape: []int{1, 4, 4}, Data: c.data}}}
		for name, want := range c.want {
			if got := statistics[name].Compute(l, &l.Sites[0])[0].Value; math.Abs(got-want) > 1e-12 {
				t.Errorf("%s: %v, want %v", name, got, want)
			}
		}
	}
}

// An outer product u v^T has sigma_1 = |u||v| and stable rank 1; a diagonal's norm is its largest entry.
func TestSpectralNorm(t *testing.T) {
	for _, c := range []struct {
		shape        []int
		data         []float32
		norm, stable float64
	}{
		{[]int{2, 3}, []float32{3, 6, 6, 4, 8, 8}, 15, 1}, // (3, 4) by (1, 2, 2)
		{[]int{3, 2}, []float32{2, 0, 0, -4, 0, 0}, 4, 20. / 16},
	} {
		s := &Site{Name: Weight + "x", Shape: c.shape, Data: c.data}
		if got := spectralNorm.Compute(nil, s)[0].Value; math.Abs(got-c.norm) > 1e-12 {
			t.Errorf("norm %v, want %v", got, c.norm)
		}
		if got := stableRank.Compute(nil, s)[0].Value; math.Abs(got-c.stable) > 1e-12 {
			t.Errorf("stable rank %v, want %v", got, c.stable)
		}
	}
}

func gaussian(n int) []float32 {
	r := rng.New(3, "test").Rand()
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

func BenchmarkDefault(b *testing.B) {
	l := &Layer{B: 10, T: 64, D: 64, H: 2, Tokens: make([]int32, 640), Ordinary: make([]bool, 640)}
	l.Sites = []Site{{Name: ResidPost, Shape: []int{10, 64, 64}, Data: gaussian(10 * 64 * 64)},
		{Name: Pattern, Shape: []int{10, 2, 64, 64}, Data: gaussian(10 * 2 * 64 * 64)}}
	for _, c := range []struct {
		name string
		plan Plan
	}{{"default", NewPlan(nil, Default(64))}, {"entropy", NewPlan(nil, []string{"matrix_entropy"})},
		{"kurtosis", NewPlan(nil, []string{"kurtosis"})}, {"median", NewPlan(nil, []string{"median"})}} {
		b.Run(c.name, func(b *testing.B) {
			var rows []Value
			for b.Loop() {
				l.Renew()
				rows = c.plan.Measure(rows[:0], l, nil)
			}
		})
	}
}
