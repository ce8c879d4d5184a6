package predict

import (
	"math"
	"runtime"
	"slices"
	"testing"

	"github.com/outcrop-lab/outcrop/rng"
)

// onProcessors calls f with GOMAXPROCS set to n.
func onProcessors(n int, f func()) {
	before := runtime.GOMAXPROCS(n)
	defer runtime.GOMAXPROCS(before)
	f()
}

// friedman returns data of the first problem of Friedman (1991) without noise. Five of the ten features matter.
func friedman(n int, seed uint64) (x [][]float64, y []float64) {
	r := rng.New(seed, "test.friedman").Rand()
	for range n {
		row := make([]float64, 10)
		for j := range row {
			row[j] = r.Float64()
		}
		x = append(x, row)
		y = append(y, 10*math.Sin(math.Pi*row[0]*row[1])+20*(row[2]-.5)*(row[2]-.5)+10*row[3]+5*row[4])
	}
	return x, y
}

// Every candidate predicts a known function on unseen rows as well as its kind can, and gives the same bits a second
// time.
func TestCandidatesRecover(t *testing.T) {
	x, y := friedman(400, 1)
	test, want := friedman(400, 2)
	for _, c := range Candidates {
		least := .65 // a linear model misses the curved part
		switch c.Learner.(type) {
		case Boosting, Forest:
			least = .75
		}
		if c.Name == "ridge, alpha 300" {
			least = .5 // it shrinks the weights by 400/(400 + 300)
		}
		predict := func() []float64 {
			model := learn(c.Learner, sample{x: x, y: y}, rng.New(3, "test"))
			out := make([]float64, len(test))
			for r := range test {
				out[r] = model.Predict(test[r])
			}
			return out
		}
		first := predict()
		if got := r2(want, first); !(got > least) {
			t.Errorf("%s: R² %.3f, want more than %g", c.Name, got, least)
		} else {
			t.Logf("%s: R² %.3f", c.Name, got)
		}
		if !slices.Equal(first, predict()) {
			t.Errorf("%s: the bits differ the second time", c.Name)
		}
	}
}

// A tree of full depth reproduces its training rows. Its first split is the best one, midway between neighbouring
// values.
func TestTreeByHand(t *testing.T) {
	x := [][]float64{{1, 5}, {2, 4}, {3, 9}, {10, 1}}
	y := []float64{1, 1, 2, 8}
	g := grower{data: group(x), y: y}
	grown := g.grow([]int32{0, 1, 2, 3})
	// Splits of the first feature leave sums of squares of 28.67, 18.5 and .667. A split of the second at 2.5 leaves .667
	// too; of equal splits the first is taken.
	if root := grown[0]; root.feature != 0 || root.threshold != 6.5 {
		t.Errorf("the root splits feature %d at %g, want 0 at 6.5", root.feature, root.threshold)
	}
	for r := range x {
		if got := grown.Predict(x[r]); got != y[r] {
			t.Errorf("row %d: %g, want %g", r, got, y[r])
		}
	}
	shallow := grower{data: group(x), y: y, depth: 1}
	if got := shallow.grow([]int32{0, 1, 2, 3}).Predict([]float64{2.9, 0}); got != 4./3 {
		t.Errorf("a tree of depth 1 predicts %g, want the mean of 1, 1, 2", got)
	}
	same := grower{data: group([][]float64{{1}, {1}}), y: []float64{0, 2}}
	if got := same.grow([]int32{0, 1}).Predict([]float64{1}); got != 1 {
		t.Errorf("rows with equal features: %g, want their mean", got)
	}
}

// On two uncorrelated standardised columns the weights of ridge and lasso are known: ridge n b/(n + alpha), lasso
// sign(b) max(|b| - alpha, 0).
func TestLinearByHand(t *testing.T) {
	x := [][]float64{{1, 1, 7}, {1, -1, 7}, {-1, 1, 7}, {-1, -1, 7}} // the third is constant
	y := []float64{3 + 2 + .5, 3 + 2 - .5, 3 - 2 + .5, 3 - 2 - .5}
	for _, c := range []struct {
		learner Learner
		want    [2]float64
	}{{Ridge{4}, [2]float64{1, .25}}, {Lasso{.75}, [2]float64{1.25, 0}}} {
		m := c.learner.Fit(x, y, rng.Stream{})
		for _, at := range [][]float64{{1, 1, 7}, {2, -3, 7}, {0, 0, 7}} {
			want := 3 + c.want[0]*at[0] + c.want[1]*at[1]
			if got := m.Predict(at); math.Abs(got-want) > 1e-9 {
				t.Errorf("%T at %v: %g, want %g", c.learner, at, got, want)
			}
		}
	}
}

// From inverts To, and the likelihood finds the planted lambda.
func TestTransforms(t *testing.T) {
	for _, tr := range []Transform{
		{Name: "log"}, {Name: "log1p"}, {Name: "yeo-johnson", Lambda: .3}, {Name: "yeo-johnson"},
		{Name: "yeo-johnson", Lambda: 2}, {Name: "yeo-johnson", Lambda: -1},
	} {
		for _, x := range []float64{-30, -1, -1e-3, 0, 1e-6, .5, 40} {
			if x <= 0 && tr.Name == "log" || x < 0 && tr.Name == "log1p" {
				continue
			}
			if got := tr.From(tr.To(x)); math.Abs(got-x) > 1e-9*max(1, math.Abs(x)) {
				t.Errorf("%v: To and From turn %g into %g", tr, x, got)
			}
		}
	}
	if got := (Transform{Name: "log1p"}).From(-3); got != 0 {
		t.Errorf("the inverse of log1p is %g, want at least 0", got)
	}
	if got := (Transform{Name: "yeo-johnson", Lambda: -1}).From(2); !math.IsInf(got, 1) {
		t.Errorf("beyond the limit 1 of a lambda of -1: %g", got)
	}
	r := rng.New(1, "test").Rand()
	values := make([]float64, 4000)
	for i := range values {
		values[i] = Transform{Name: "yeo-johnson", Lambda: .4}.From(r.NormFloat64())
	}
	if got := bestYeoJohnson(values); math.Abs(got-.4) > .08 { // its standard error is about .02
		t.Errorf("lambda %g, planted .4", got)
	}
	if got := bestYeoJohnson([]float64{2, 2, 2}); got != 1 {
		t.Errorf("constant values: lambda %g, want 1", got)
	}
}

// Nine of ten new residuals are expected between the 5th and the 95th of 99.
func TestWithin(t *testing.T) {
	residuals := make([]float64, 99)
	for i := range residuals {
		residuals[i] = float64((i*37)%99 + 1)
	}
	if low, high := within(residuals); low != 5 || high != 95 {
		t.Errorf("%g to %g, want 5 to 95", low, high)
	}
	if low, high := within([]float64{3, 1, 2}); low != 1 || high != 3 {
		t.Errorf("three residuals: %g to %g, want 1 to 3", low, high)
	}
}

// Every group is in exactly one fold, and the folds are of similar size.
func TestFolds(t *testing.T) {
	s := sample{y: make([]float64, 60), groups: make([]int, 60)}
	for r := range s.groups {
		s.groups[r] = 100 + r%12
	}
	fold := s.folds(5, rng.New(0, "test"))
	of, sizes := map[int]int{}, map[int]int{}
	for r, f := range fold {
		if before, ok := of[s.groups[r]]; ok && before != f {
			t.Fatalf("group %d is in the folds %d and %d", s.groups[r], before, f)
		}
		of[s.groups[r]] = f
		sizes[f]++
	}
	if len(sizes) != 5 || sizes[0] > 15 || sizes[4] < 10 {
		t.Errorf("folds of %v rows", sizes)
	}
}
