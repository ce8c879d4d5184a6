package predict

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/outcrop-lab/outcrop/fit"
	"github.com/outcrop-lab/outcrop/rng"
)

// Card says what a predictor was trained on, how good it is, and where it must not be used.
type Card struct {
	Created string `json:"created"` // day
	Machine string `json:"machine"`
	Commit  string `json:"commit"` // of the program that trained the runs
	Sweep   string `json:"sweep"`
	Digest  string `json:"digest"` // SHA-256 of the table's files

	Architectures int            `json:"architectures"`
	Runs          int            `json:"runs"`
	LeftOut       int            `json:"left_out"` // runs that were not done
	Series        int            `json:"series"`
	Regimes       map[string]int `json:"regimes"`
	Open          map[string]int `json:"open"`   // of each parameter, the series that leave it open
	FitR2         [3]float64     `json:"fit_r2"` // a tenth, half and nine tenths of the series have less
	Last          int            `json:"last"`   // step at which training ends

	Targets []TargetCard `json:"targets"`
	// Plain are the five parameters learned from every series as it was fitted, determined or not: the paper's way.
	Plain []TargetCard `json:"plain"`
	// CurveRMS is the root mean square of the error in ln f over all points of the curve, architectures left out; MeanRMS
	// that of the other architectures' mean curve, whatever the architecture.
	CurveRMS float64 `json:"curve_rms"`
	MeanRMS  float64 `json:"mean_rms"`
	// Worst are the architectures whose curves, left out, are foretold worst, the worst first.
	Worst []ArchError `json:"worst"`
	// Example is what is foretold of the first architecture without its own series: of each layer every target's value. It
	// shows whether another machine foretells the same.
	Example [][]float64 `json:"example"`
}

// ArchError is the root mean square error in ln f over all points of the curves of one architecture, left out.
type ArchError struct {
	Name string  `json:"name"`
	RMS  float64 `json:"rms"`
}

// TargetCard is how one target is learned and how well.
type TargetCard struct {
	Name          string    `json:"name"`
	Transform     Transform `json:"transform"`
	Determined    bool      `json:"determined"` // learned from the series that determine it
	Series        int       `json:"series"`
	Architectures int       `json:"architectures"`
	Learner       string    `json:"learner"`
	Candidates    []Score   `json:"candidates"`
	RandomR2      float64   `json:"random_r2"`   // mean over ten random splits of 80 to 20
	LeftOutR2     float64   `json:"left_out_r2"` // one architecture left out after the other
	// Low and High are the residuals, transformed, between which 90 % of those of architectures left out lie; Coverage is
	// the share inside when the two are taken from the other architectures.
	Low        float64      `json:"low"`
	High       float64      `json:"high"`
	Coverage   float64      `json:"coverage"`
	Importance []Importance `json:"importance"` // the largest first
}

// Score is a learner and its R² over five folds of whole architectures.
type Score struct {
	Learner string  `json:"learner"`
	R2      float64 `json:"r2"`
}

// Importance is how much R² falls, over five folds of whole architectures, when a group of features is dealt anew among
// the held out series (permutation importance, Breiman 2001).
type Importance struct {
	Group string  `json:"group"`
	Drop  float64 `json:"drop"`
}

// estimate turns a prediction into the target's own units, with its interval.
func (c TargetCard) estimate(y float64) Estimate {
	return Estimate{c.Transform.From(y), c.Transform.From(y + c.Low), c.Transform.From(y + c.High)}
}

// Train chooses a learner for every target of a table and scores it. Created, Machine, Commit, Sweep and LeftOut of the
// card are the caller's to fill in. progress hears what is at hand.
func Train(t Table, progress func(string)) (*Predictor, error) {
	rising := map[int]bool{}
	for _, r := range t.Rows {
		if r.Regime != fit.RegimeFlat {
			rising[r.Arm] = true
		}
	}
	if len(rising) < enoughArchs {
		return nil, fmt.Errorf("predict: %d architectures with a curve that is not flat; at least %d are wanted", len(rising), enoughArchs)
	}
	p := newPredictor(t)
	digest, err := t.digest()
	if err != nil {
		return nil, err
	}
	p.Card = t.describe()
	p.Card.Digest = digest
	for _, r := range t.Rows {
		if r.Last != p.Card.Last {
			return nil, fmt.Errorf("predict: runs of %d and of %d steps: a curve is foretold over one length of training", p.Card.Last, r.Last)
		}
	}
	all := targets(p.Card.Last)
	samples, curve := make([]sample, len(all)), make([]float64, len(Candidates))
	for i, target := range all {
		progress("choosing " + target.name)
		c := TargetCard{Name: target.name, Transform: p.transform(target, false)}
		samples[i], c.Determined = p.sample(target, c.Transform)
		scores := samples[i].candidateScores(seeded(target))
		c.choose(scores, scores)
		for k, score := range scores {
			if !target.param {
				curve[k] += score
			}
		}
		p.Card.Targets = append(p.Card.Targets, c)
	}
	var squares, plain float64
	points := 0
	own, ownPoints := make([]float64, len(t.Archs)), make([]float64, len(t.Archs))
	for i, target := range all {
		progress("scoring " + target.name)
		c, s := &p.Card.Targets[i], samples[i]
		if !target.param { // one learner for all points, so that they make a curve
			scores := make([]float64, len(Candidates))
			for k := range scores {
				scores[k] = c.Candidates[k].R2
			}
			c.choose(scores, curve)
		}
		left := c.score(s, seeded(target))
		c.Importance = p.importance(s, target, c.Learner)
		if target.param {
			continue
		}
		other := s.held(average{}, s.folds(math.MaxInt, seeded(target)), seeded(target))
		for r := range s.y {
			squares += (s.y[r] - left[r]) * (s.y[r] - left[r])
			plain += (s.y[r] - other[r]) * (s.y[r] - other[r])
			points++
			own[s.groups[r]] += (s.y[r] - left[r]) * (s.y[r] - left[r])
			ownPoints[s.groups[r]]++
		}
	}
	for i, a := range t.Archs {
		p.Card.Worst = append(p.Card.Worst, ArchError{a.Name, math.Sqrt(own[i] / max(ownPoints[i], 1))})
	}
	slices.SortStableFunc(p.Card.Worst, func(a, b ArchError) int { return cmp.Compare(b.RMS, a.RMS) })
	p.Card.Worst = p.Card.Worst[:min(8, len(p.Card.Worst))]
	p.Card.CurveRMS, p.Card.MeanRMS = math.Sqrt(squares/float64(points)), math.Sqrt(plain/float64(points))
	for _, target := range all[:len(fit.Params("emergence"))] {
		progress("scoring " + target.name + ", from every series")
		c := TargetCard{Name: target.name, Transform: p.transform(target, true)}
		s := p.sampleOf(t.Rows, target, c.Transform)
		scores := s.candidateScores(seeded(target))
		c.choose(scores, scores)
		c.score(s, seeded(target))
		p.Card.Plain = append(p.Card.Plain, c)
	}
	first, err := p.foretell(t.Archs[0].Arch, p.learn(0))
	for _, layer := range first {
		p.Card.Example = append(p.Card.Example, layer.values())
	}
	return p, err
}

// transform is a target's, Yeo and Johnson's lambda taken from the series that it is learned from.
func (p *Predictor) transform(t target, plain bool) Transform {
	transform := Transform{Name: t.transform}
	if t.transform == "yeo-johnson" {
		identity := Transform{Name: "yeo-johnson", Lambda: 1}
		s, _ := p.sample(t, identity)
		if plain {
			s = p.sampleOf(p.table.Rows, t, identity)
		}
		transform.Lambda = bestYeoJohnson(s.y)
	}
	return transform
}

// describe fills what of the card only the table says.
func (t Table) describe() Card {
	c := Card{Architectures: len(t.Archs), Series: len(t.Rows), Regimes: map[string]int{}, Open: map[string]int{}, Last: t.Rows[0].Last}
	runs := map[string]bool{}
	var fits []float64
	for _, r := range t.Rows {
		runs[r.Run] = true
		c.Regimes[r.Regime]++
		for _, name := range r.Undetermined {
			c.Open[name]++
		}
		fits = append(fits, r.R2)
	}
	c.Runs = len(runs)
	slices.Sort(fits)
	for i, share := range []float64{.1, .5, .9} {
		c.FitR2[i] = fits[int(share*float64(len(fits)-1))]
	}
	return c
}

// average is a learner that knows no features.
type average struct{}

// Fit implements Learner. The target has mean 0.
func (average) Fit([][]float64, []float64, rng.Stream) Model { return line{} }

// choose takes the candidate of the largest merit.
func (c *TargetCard) choose(scores, merit []float64) {
	c.Candidates = nil
	best := 0
	for i, score := range scores {
		c.Candidates = append(c.Candidates, Score{Candidates[i].Name, score})
		if merit[i] > merit[best] {
			best = i
		}
	}
	c.Learner = Candidates[best].Name
}

// score scores the chosen learner; left are the predictions of architectures left out.
func (c *TargetCard) score(s sample, random rng.Stream) (left []float64) {
	c.Series = len(s.y)
	l, _ := learnerNamed(c.Learner)
	alone := s.folds(math.MaxInt, random)
	c.Architectures = slices.Max(alone) + 1
	left = s.held(l, alone, random)
	c.LeftOutR2 = r2(s.y, left)
	c.RandomR2 = s.random(l, random)
	residuals := make([]float64, len(s.y))
	for r := range residuals {
		residuals[r] = s.y[r] - left[r]
	}
	c.Low, c.High = within(residuals)
	inside := 0
	for group := range c.Architectures {
		var others []float64
		for r, e := range residuals {
			if alone[r] != group {
				others = append(others, e)
			}
		}
		low, high := within(others)
		for r, e := range residuals {
			if alone[r] == group && low <= e && e <= high {
				inside++
			}
		}
	}
	c.Coverage = float64(inside) / float64(len(residuals))
	return left
}

// confidence of the interval.
const confidence = 0.9

// within returns the residuals between which the share confidence of new ones is expected: the order statistics of rank
// (n+1) (1 -+ confidence)/2, outwards.
func within(residuals []float64) (low, high float64) {
	sorted := slices.Sorted(slices.Values(residuals))
	n := len(sorted)
	rank := int(math.Floor(float64(n+1) * (1 - confidence) / 2))
	rank = max(rank, 1)
	return sorted[rank-1], sorted[n-rank]
}

// random is the mean R² over ten random splits of the series, 80 to learn from and 20 to score.
func (s sample) random(l Learner, random rng.Stream) float64 {
	const splits = 10
	scores := make([]float64, splits)
	parallel(splits, func(i int) {
		order := random.Named("split").At(i).Rand().Perm(len(s.y))
		test := order[:max(1, len(order)/5)]
		model := learn(l, s.only(func(r int) bool { return !slices.Contains(test, r) }), random)
		var y, predicted []float64
		for _, r := range test {
			y, predicted = append(y, s.y[r]), append(predicted, model.Predict(s.x[r]))
		}
		scores[i] = r2(y, predicted)
	})
	var sum float64
	for _, v := range scores {
		sum += v / splits
	}
	return sum
}

// importance is that of every group of features.
func (p *Predictor) importance(s sample, t target, learner string) []Importance {
	const folds, repeats = 5, 5
	l, _ := learnerNamed(learner)
	var groups []string
	for _, c := range p.columns {
		if !slices.Contains(groups, c.Group) {
			groups = append(groups, c.Group)
		}
	}
	random := seeded(t)
	fold := s.folds(folds, random)
	models := make([]Model, folds)
	parallel(folds, func(f int) {
		models[f] = learn(l, s.only(func(r int) bool { return fold[r] != f }), random)
	})
	predict := func(x func(r int) []float64) []float64 {
		out := make([]float64, len(s.y))
		for r := range out {
			out[r] = models[fold[r]].Predict(x(r))
		}
		return out
	}
	base := r2(s.y, predict(func(r int) []float64 { return s.x[r] }))
	all := make([]Importance, len(groups))
	parallel(len(groups), func(i int) {
		all[i].Group = groups[i]
		for repeat := range repeats {
			from := shuffledWithin(fold, random.Named("importance").Named(groups[i]).At(repeat))
			score := r2(s.y, predict(func(r int) []float64 {
				x := slices.Clone(s.x[r])
				for j, c := range p.columns {
					if c.Group == groups[i] {
						x[j] = s.x[from[r]][j]
					}
				}
				return x
			}))
			all[i].Drop += (base - score) / repeats
		}
	})
	slices.SortStableFunc(all, func(a, b Importance) int { return cmp.Compare(b.Drop, a.Drop) })
	return all
}

// shuffledWithin deals the rows of each fold among themselves.
func shuffledWithin(fold []int, random rng.Stream) []int {
	from := make([]int, len(fold))
	r := random.Rand()
	for f := range slices.Max(fold) + 1 {
		var rows []int
		for i := range fold {
			if fold[i] == f {
				rows = append(rows, i)
			}
		}
		for i, k := range r.Perm(len(rows)) {
			from[rows[i]] = rows[k]
		}
	}
	return from
}
