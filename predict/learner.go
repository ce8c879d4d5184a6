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

// Model is a trained model.
type Model interface {
	Predict(x []float64) float64
}

// Learner learns to predict y from the rows of x. The result depends only on the arguments.
type Learner interface {
	Fit(x [][]float64, y []float64, random rng.Stream) Model
}

// Candidate is a learner with its settings.
type Candidate struct {
	Name string
	Learner
}

// Candidates are the learners among which cross-validation chooses: those of arXiv 2508.03616, each with a few
// settings. The targets that a learner gets have mean 0 and variance 1.
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

// learnerNamed returns the candidate of that name, and whether there is one.
func learnerNamed(name string) (Learner, bool) {
	for _, c := range Candidates {
		if c.Name == name {
			return c.Learner, true
		}
	}
	return nil, false
}

// sample holds the rows from which a target is learned.
type sample struct {
	x      [][]float64
	y      []float64 // transformed
	groups []int     // each row's architecture
}

func (s sample) only(keep func(row int) bool) sample {
	var out sample
	for r := range s.y {
		if keep(r) {
			out.x, out.y, out.groups = append(out.x, s.x[r]), append(out.y, s.y[r]), append(out.groups, s.groups[r])
		}
	}
	return out
}

// scaled is a model of a standardised target.
type scaled struct {
	Model
	mean, scale float64
}

// Predict implements Model.
func (m scaled) Predict(x []float64) float64 { return m.mean + m.scale*m.Model.Predict(x) }

// learn fits a learner to a sample whose target is scaled to mean 0 and variance 1.
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

// held predicts every row by a model that has not seen the rows of its fold. The prediction is NaN if the fold holds
// all rows.
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

// Problem returns one target of a predictor as its learners see it, for comparing learners: the features, the
// transformed values, and for each row its fold among five folds of whole architectures. ok is false for an unknown
// target.
func (p *Predictor) Problem(name string) (x [][]float64, y []float64, fold []int, ok bool) {
	for i, t := range targets(p.Card.Last) {
		if t.name == name {
			s, _ := p.sample(t, p.Card.Targets[i].Transform)
			return s.x, s.y, s.folds(5, seeded(t)), true
		}
	}
	return nil, nil, nil, false
}

// CrossValidate predicts every row by a model that has not seen the rows of its fold. The model learns from a target
// that is scaled to mean 0 and variance 1. The prediction is NaN if the fold holds all rows.
func CrossValidate(l Learner, x [][]float64, y []float64, fold []int, random rng.Stream) []float64 {
	return sample{x: x, y: y, groups: fold}.held(l, fold, random)
}

// folds deals whole groups to n folds at random. If n is at least the number of groups, each group has its own fold.
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

// r2 returns 1 minus the squared error over the squared error of the mean of y, or 0 if y is constant.
func r2(y, predicted []float64) float64 {
	if slices.Min(y) == slices.Max(y) {
		return 0
	}
	return stat.RSquaredFrom(predicted, y, nil)
}

// candidateScores returns the candidates' R² in cross-validation over five folds of whole architectures.
func (s sample) candidateScores(random rng.Stream) []float64 {
	fold := s.folds(5, random)
	scores := make([]float64, len(Candidates))
	for i, c := range Candidates {
		scores[i] = r2(s.y, s.held(c.Learner, fold, random))
	}
	return scores
}

// parallel calls work for each index below n, on all processors.
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
