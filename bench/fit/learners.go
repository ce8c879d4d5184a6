package main

import (
	_ "embed"
	"fmt"
	"math"
	"time"

	"gonum.org/v1/gonum/stat"

	"github.com/outcrop-lab/outcrop/predict"
	"github.com/outcrop-lab/outcrop/rng"
)

//go:embed learners.py
var learnersScript string

// lesson is a request to learners.py, one line of JSON: a problem, its folds and a learner.
type lesson struct {
	X     [][]float64 `json:"x"`
	Y     []float64   `json:"y"`
	Fold  []int       `json:"fold"`
	Kind  string      `json:"kind"`
	Alpha float64     `json:"alpha"`
	Trees int         `json:"trees"`
	Share float64     `json:"share"`
	Depth int         `json:"depth"`
	Rate  float64     `json:"rate"`
	Seed  int         `json:"seed"`
}

// lessonAnswer is the answer to a lesson, one line of JSON.
type lessonAnswer struct {
	Predicted []float64 `json:"predicted"`
	Seconds   float64   `json:"seconds"`
	Version   string    `json:"version"`
}

// of fills in the learner and its settings, and reports whether it draws random numbers.
func (l *lesson) of(learner predict.Learner) (drawn bool) {
	switch o := learner.(type) {
	case predict.Ridge:
		l.Kind, l.Alpha = "ridge", o.Alpha
	case predict.Lasso:
		l.Kind, l.Alpha = "lasso", o.Alpha
	case predict.Forest:
		l.Kind, l.Trees, l.Share = "forest", o.Trees, o.Share
		return true
	case predict.Boosting:
		l.Kind, l.Trees, l.Depth, l.Rate = "boosting", o.Rounds, o.Depth, o.Rate
		return true
	}
	return false
}

// repeats is the number of seeds for a learner that draws random numbers.
const repeats = 5

// compareLearners compares the predictor's learners with scikit-learn's on the same folds. The problems are three of
// the predictor's own targets, and the first problem of Friedman (1991), with ten features: 10 sin(pi x1 x2) + 20 (x3 -
// 1/2)^2 + 10 x4 + 5 x5 + N(0, 1).
func compareLearners(python string, seed uint64) error {
	p, err := predict.Load()
	if err != nil {
		return err
	}
	ask, hear, end, err := startPeer(python, learnersScript)
	if err != nil {
		return err
	}
	defer end()
	fmt.Println("\n| problem | learner | R², ours | R², scikit-learn | largest difference of predictions, in standard " +
		"deviations of the target | seconds, ours | seconds, scikit-learn |")
	fmt.Println("|---|---|---|---|---|---|---|")
	version := ""
	for _, name := range []string{"Friedman 1", "K", fmt.Sprintf("f(%d)", p.Card.Last/4),
		fmt.Sprintf("f(%d)", p.Card.Last)} {
		x, y, fold, ok := p.Problem(name)
		if !ok {
			x, y, fold = friedman(seed)
		}
		for _, c := range predict.Candidates {
			l := lesson{X: x, Y: y, Fold: fold}
			times := 1
			if l.of(c.Learner) {
				times = repeats
			}
			var ours, theirs, apart, took, peerTook float64
			for i := range times {
				l.Seed = i
				begin := time.Now()
				mine := predict.CrossValidate(c.Learner, x, y, fold, rng.New(uint64(i), "bench.fit.learners"))
				took += time.Since(begin).Seconds() / float64(times)
				if err := ask.Encode(l); err != nil {
					return fmt.Errorf("asking scikit-learn (is it installed for %s?): %w", python, err)
				}
				var a lessonAnswer
				if err := hear.Decode(&a); err != nil {
					return fmt.Errorf("reading scikit-learn's answer (is it installed for %s?): %w", python, err)
				}
				version = a.Version
				peerTook += a.Seconds / float64(times)
				ours += goodness(y, mine) / float64(times)
				theirs += goodness(y, a.Predicted) / float64(times)
				for r := range y {
					apart = max(apart, math.Abs(mine[r]-a.Predicted[r])/deviation(y))
				}
			}
			fmt.Printf("| %s, %d rows | %s | %.4f | %.4f | %.2g | %.2f | %.2f |\n", name, len(y), c.Name, ours, theirs, apart,
				took, peerTook)
		}
	}
	fmt.Printf("\nscikit-learn %s; forests and boosting are means over %d seeds.\n", version, repeats)
	return nil
}

// friedman returns 400 rows of the first problem of Friedman (1991), and each row's fold of five.
func friedman(seed uint64) (x [][]float64, y []float64, fold []int) {
	r := rng.New(seed, "bench.fit.friedman").Rand()
	for i := range 400 {
		row := make([]float64, 10)
		for j := range row {
			row[j] = r.Float64()
		}
		x, fold = append(x, row), append(fold, i%5)
		y = append(y, 10*math.Sin(math.Pi*row[0]*row[1])+20*(row[2]-.5)*(row[2]-.5)+10*row[3]+5*row[4]+r.NormFloat64())
	}
	return x, y, fold
}

// goodness returns R².
func goodness(y, predicted []float64) float64 {
	var sse float64
	for r := range y {
		sse += (y[r] - predicted[r]) * (y[r] - predicted[r])
	}
	d := deviation(y)
	return 1 - sse/(d*d*float64(len(y)))
}

// deviation returns the population standard deviation.
func deviation(y []float64) float64 {
	return stat.PopStdDev(y, nil)
}
