package predict

import "github.com/outcrop-lab/outcrop/rng"

// Forest is a random forest (Breiman 2001): the mean of trees of full depth, each grown on a bootstrap sample of the
// rows. Each node tries a random subset of the features, of size Share relative to all features.
type Forest struct {
	Trees int
	Share float64 // share of the features that each node tries; at least one is tried
}

// mean is the mean of several trees' predictions.
type mean []tree

// Predict implements Model.
func (m mean) Predict(x []float64) float64 {
	var sum float64
	for _, t := range m {
		sum += t.Predict(x)
	}
	return sum / float64(len(m))
}

// Fit implements Learner.
func (l Forest) Fit(x [][]float64, y []float64, random rng.Stream) Model {
	data := group(x)
	forest := make(mean, l.Trees)
	rows := make([]int32, len(y))
	for i := range forest {
		r := random.Named("forest").At(i).Rand()
		for k := range rows {
			rows[k] = int32(r.IntN(len(y)))
		}
		g := grower{data: data, y: y, features: max(1, int(l.Share*float64(len(data.values)))), random: r}
		forest[i] = g.grow(rows)
	}
	return forest
}

// Boosting is gradient boosting with squared loss (Friedman 2001). It fits shallow trees one after another, each to the
// residuals of the trees before it, and adds them with weight Rate. If several features give equally good splits, one
// of them is chosen at random, as in a forest.
type Boosting struct {
	Rounds, Depth int
	Rate          float64
}

// boosted is a constant plus rate times the sum of the trees.
type boosted struct {
	start, rate float64
	trees       []tree
}

// Predict implements Model.
func (m boosted) Predict(x []float64) float64 {
	y := m.start
	for _, t := range m.trees {
		y += m.rate * t.Predict(x)
	}
	return y
}

// Fit implements Learner.
func (l Boosting) Fit(x [][]float64, y []float64, random rng.Stream) Model {
	data, r := group(x), random.Named("boosting").Rand()
	m := boosted{rate: l.Rate, trees: make([]tree, l.Rounds)}
	for _, v := range y {
		m.start += v / float64(len(y))
	}
	left := make([]float64, len(y))
	for k := range y {
		left[k] = y[k] - m.start
	}
	rows := make([]int32, len(y))
	for i := range m.trees {
		for k := range rows {
			rows[k] = int32(k)
		}
		g := grower{data: data, y: left, depth: l.Depth, random: r}
		m.trees[i] = g.grow(rows)
		for k := range left {
			left[k] -= l.Rate * m.trees[i].Predict(x[k])
		}
	}
	return m
}
