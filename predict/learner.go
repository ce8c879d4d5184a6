package predict

import (
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"gonum.org/v1/gonum/stat"

	"github.com/outcrop-lab/outcrop/rng"
)

// Model is a trained regression model.
type Model interface {
	// Predict returns the prediction for one row of features.
	Predict(x []float64) float64
}

// Learner is a regression method with its settings.
type Learner interface {
	// Fit learns y, [rows], from x, [rows][features]. The model depends on the arguments alone.
	Fit(x [][]float64, y []float64, random rng.Stream) Model
}

// Candidate is a learner with a name.
type Candidate struct {
	Name string
	Learner
}

// Candidates are the learners among which cross-validation chooses: those of arXiv 2508.03616, each with a few
// settings. A learner sees targets of mean 0 and variance 1.
var Candidates = []Candidate{
	{"ridge, alpha 10", Ridge{10}},
	{"ridge, alpha 30", Ridge{30}},
	{"ridge, alpha 100", Ridge{100}},
	{"ridge, alpha 300", Ridge{300}},
	{"lasso, alpha .01", Lasso{.01}},
	{"lasso, alpha .03", Lasso{.03}},
	{"lasso, alpha .1", Lasso{.1}},
	{"forest, every feature", Forest{Trees: 200, Share: 1}},
	{"forest, a third of the features", Forest{Trees: 200, Share: 1. / 3}},
	{"boosting, 50 of depth 2", Boosting{Rounds: 50, Depth: 2, Rate: .1}},
	{"boosting, 200 of depth 2", Boosting{Rounds: 200, Depth: 2, Rate: .1}},
	{"boosting, 200 of depth 4", Boosting{Rounds: 200, Depth: 4, Rate: .05}},
}

// learnerNamed returns the candidate of that name and reports whether there is one.
func learnerNamed(name string) (Learner, bool) {
	for _, c := range Candidates {
		if c.Name == name {
			return c.Learner, true
		}
	}
	return nil, false
}

// sample is the rows from which one target is learned.
type sample struct {
	x      [][]float64
	y      []float64 // transformed
	groups []int     // each row's architecture
}

// only returns the rows for which keep is true.
func (s sample) only(keep func(row int) bool) sample {
	var out sample
	for r := range s.y {
		if keep(r) {
			out.x, out.y, out.groups = append(out.x, s.x[r]), append(out.y, s.y[r]), append(out.groups, s.groups[r])
		}
	}
	return out
}

// scaled turns a model of a standardised target into one of the target.
type scaled struct {
	Model
	mean, scale float64
}

// Predict implements Model.
func (m scaled) Predict(x []float64) float64 { return m.mean + m.scale*m.Model.Predict(x) }

// learn standardises the sample's target to mean 0 and variance 1, fits the learner to it, and returns a model of the
// target itself.
func learn(l Learner, s sample, random rng.Stream) Model {
	n := float64(len(s.y))
	m := scaled{scale: 1}
	var squares float64
	for _, v := range s.y {
		m.mean += v / n
	}
	for _, v := range s.y {
		squares += (v - m.mean) * (v - m.mean) / n
	}
	if squares > 0 {
		m.scale = math.Sqrt(squares)
	}
	y := make([]float64, len(s.y))
	for r, v := range s.y {
		y[r] = (v - m.mean) / m.scale
	}
	m.Model = l.Fit(s.x, y, random)
	return m
}

// held predicts every row by a model trained without the rows of its fold. If one fold holds all rows, the predictions
// are NaN.
func (s sample) held(l Learner, fold []int, random rng.Stream) []float64 {
	out := make([]float64, len(s.y))
	parallel(slices.Max(fold)+1, func(f int) {
		predict := func([]float64) float64 { return math.NaN() }
		if train := s.only(func(r int) bool { return fold[r] != f }); len(train.y) > 0 {
			predict = learn(l, train, random).Predict
		}
		for r := range out {
			if fold[r] == f {
				out[r] = predict(s.x[r])
			}
		}
	})
	return out
}

// Problem returns the training data of the target with the given name, for comparing learners. These are the features
// x, [rows][features], the transformed values y, and the fold of each row. There are five folds, and all rows of an
// architecture are in the same fold. ok reports whether the target exists.
func (p *Predictor) Problem(name string) (x [][]float64, y []float64, fold []int, ok bool) {
	for i, t := range targets(p.Card.Last) {
		if t.name == name {
			s, _ := p.sample(t, p.Card.Targets[i].Transform)
			return s.x, s.y, s.folds(5, seeded(t)), true
		}
	}
	return nil, nil, nil, false
}

// CrossValidate predicts y for every row with a model trained without the rows of that row's fold. For training, y is
// standardised to mean 0 and variance 1; the predictions are in the units of y. If one fold holds all rows, the
// predictions are NaN.
func CrossValidate(l Learner, x [][]float64, y []float64, fold []int, random rng.Stream) []float64 {
	return sample{x: x, y: y, groups: fold}.held(l, fold, random)
}

// folds assigns the rows to n folds at random, keeping each group in one fold. If n is at least the number of groups,
// each group is a fold of its own.
func (s sample) folds(n int, random rng.Stream) []int {
	distinct := slices.Compact(slices.Sorted(slices.Values(s.groups)))
	order := random.Named("folds").Rand().Perm(len(distinct))
	fold := make([]int, len(s.y))
	for r, g := range s.groups {
		at, _ := slices.BinarySearch(distinct, g)
		fold[r] = order[at] % n
	}
	return fold
}

// r2 returns R²: 1 - (squared error of the predictions)/(squared error of the mean of y). It is 0 if y is constant.
func r2(y, predicted []float64) float64 {
	if slices.Min(y) == slices.Max(y) {
		return 0
	}
	return stat.RSquaredFrom(predicted, y, nil)
}

// candidateScores returns each candidate's R² in cross-validation over five folds of whole architectures.
func (s sample) candidateScores(random rng.Stream) []float64 {
	fold := s.folds(5, random)
	scores := make([]float64, len(Candidates))
	for i, c := range Candidates {
		scores[i] = r2(s.y, s.held(c.Learner, fold, random))
	}
	return scores
}

// parallel calls work for each index from 0 to n-1, on all processors, and waits for all calls.
func parallel(n int, work func(i int)) {
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), n) {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				work(int(i))
			}
		})
	}
	workers.Wait()
}
