package predict

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/outcrop-lab/outcrop/count"
	"github.com/outcrop-lab/outcrop/fit"
	"github.com/outcrop-lab/outcrop/rng"
)

// Card describes a predictor: what it was trained on, how accurate it is, and where it must not be used.
type Card struct {
	Created string `json:"created"` // date
	Machine string `json:"machine"`
	Commit  string `json:"commit"` // commit of the program that trained the runs
	Sweep   string `json:"sweep"`
	Digest  string `json:"digest"` // SHA-256 of the table's files

	Architectures int            `json:"architectures"`
	Runs          int            `json:"runs"`
	LeftOut       int            `json:"left_out"` // runs that were not done
	Series        int            `json:"series"`
	Regimes       map[string]int `json:"regimes"`
	Open          map[string]int `json:"open"`   // for each parameter, how many series leave it undetermined
	FitR2         [3]float64     `json:"fit_r2"` // 10th, 50th and 90th percentile over the series
	Last          int            `json:"last"`   // the last training step

	Targets []TargetCard `json:"targets"`
	// Plain describes the five parameters when they are learned as in the paper: from every series, whether or not it
	// determines the parameter.
	Plain []TargetCard `json:"plain"`
	// CurveRMS is the root mean square error of ln f over all points of the curves of left-out architectures. MeanRMS is
	// the error of a baseline that predicts, for each left-out architecture, the mean curve of the other architectures.
	CurveRMS float64 `json:"curve_rms"`
	MeanRMS  float64 `json:"mean_rms"`
	// Worst lists the architectures (at most eight) with the largest errors when left out, in descending order of error.
	Worst []ArchError `json:"worst"`
	// Example, [layers][targets], is the prediction for the table's first architecture by models that were trained without
	// that architecture's series. With it one can check whether another machine predicts the same values.
	Example [][]float64 `json:"example"`
}

// ArchError is the root mean square error of ln f over all points of the curves of one left-out architecture.
type ArchError struct {
	Name string  `json:"name"`
	RMS  float64 `json:"rms"`
}

// TargetCard describes how one target is learned, and how well.
type TargetCard struct {
	Name          string    `json:"name"`
	Transform     Transform `json:"transform"`
	Determined    bool      `json:"determined"` // whether it is learned from the series that determine it
	Series        int       `json:"series"`
	Architectures int       `json:"architectures"`
	Learner       string    `json:"learner"`
	Candidates    []Score   `json:"candidates"`
	RandomR2      float64   `json:"random_r2"`   // mean over ten random splits: 80 % training, 20 % test
	LeftOutR2     float64   `json:"left_out_r2"` // each architecture left out in turn
	// Low and High are the bounds that contain 90 % of the transformed residuals of left-out architectures. Coverage is
	// the share of residuals that lie within bounds computed from the other architectures alone.
	Low        float64      `json:"low"`
	High       float64      `json:"high"`
	Coverage   float64      `json:"coverage"`
	Importance []Importance `json:"importance"` // in descending order of Drop
}

// Score is a learner's R² in five-fold cross-validation in which all series of an architecture are in the same fold.
type Score struct {
	Learner string  `json:"learner"`
	R2      float64 `json:"r2"`
}

// Importance is the permutation importance (Breiman 2001) of a group of features: the drop in R² when the group's
// values are permuted among the held-out series. R² comes from five-fold cross-validation in which all series of an
// architecture are in the same fold.
type Importance struct {
	Group string  `json:"group"`
	Drop  float64 `json:"drop"`
}

// estimate converts a prediction from the transformed scale to the target's own units, with its interval.
func (c TargetCard) estimate(y float64) Estimate {
	return Estimate{c.Transform.From(y), c.Transform.From(y + c.Low), c.Transform.From(y + c.High)}
}

// Train chooses a learner for each target of a table and scores that learner. The caller fills in the card's Created,
// Machine, Commit, Sweep and LeftOut. Train calls progress with a message at the start of each step of its work.
func Train(t Table, progress func(string)) (*Predictor, error) {
	if err := t.sufficient(); err != nil {
		return nil, err
	}
	digest, err := t.digest()
	if err != nil {
		return nil, err
	}
	p := newPredictor(t)
	p.Card = t.describe()
	p.Card.Digest = digest
	all := targets(p.Card.Last)
	samples := p.choose(all, progress)
	p.score(all, samples, progress)
	p.scorePlain(all[:len(fit.Params("emergence"))], progress)
	first, err := p.forecast(t.Archs[0].Arch, p.learn(0))
	for _, layer := range first {
		p.Card.Example = append(p.Card.Example, layer.values())
	}
	return p, err
}

// sufficient returns an error if too few architectures have a curve that is not flat, or if runs differ in length.
func (t Table) sufficient() error {
	rising := map[int]bool{}
	for _, r := range t.Rows {
		if r.Regime != fit.RegimeFlat {
			rising[r.Arm] = true
		}
	}
	if len(rising) < enoughArchs {
		return fmt.Errorf("predict: %s have a curve that is not flat; at least %d are needed",
			count.Of(len(rising), "architecture"), enoughArchs)
	}
	for _, r := range t.Rows {
		if last := t.Rows[0].Last; r.Last != last {
			return fmt.Errorf("predict: the runs have %d and %d steps: a curve is predicted for one length of training",
				last, r.Last)
		}
	}
	return nil
}

// choose fills in the card's targets, each with its transform and learner, and returns their samples. The points of the
// curve share one learner, the best on average, so that they form a curve.
func (p *Predictor) choose(all []target, progress func(string)) []sample {
	samples, curve := make([]sample, len(all)), make([]float64, len(Candidates))
	scores := make([][]float64, len(all))
	for i, target := range all {
		progress("choosing " + target.name)
		c := TargetCard{Name: target.name, Transform: p.transform(target, false)}
		samples[i], c.Determined = p.sample(target, c.Transform)
		scores[i] = samples[i].candidateScores(seeded(target))
		for k, score := range scores[i] {
			if !target.param {
				curve[k] += score
			}
		}
		p.Card.Targets = append(p.Card.Targets, c)
	}
	for i, target := range all {
		merit := curve
		if target.param {
			merit = scores[i]
		}
		p.Card.Targets[i].choose(scores[i], merit)
	}
	return samples
}

// score scores the chosen learner of every target, and the whole curve over its points.
func (p *Predictor) score(all []target, samples []sample, progress func(string)) {
	var squares, plain float64
	points := 0
	archs := p.table.Archs
	own, ownPoints := make([]float64, len(archs)), make([]float64, len(archs)) // squares and points by architecture
	for i, target := range all {
		progress("scoring " + target.name)
		c, s := &p.Card.Targets[i], samples[i]
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
	for i, a := range archs {
		p.Card.Worst = append(p.Card.Worst, ArchError{a.Name, math.Sqrt(own[i] / max(ownPoints[i], 1))})
	}
	slices.SortStableFunc(p.Card.Worst, func(a, b ArchError) int { return cmp.Compare(b.RMS, a.RMS) })
	p.Card.Worst = p.Card.Worst[:min(8, len(p.Card.Worst))]
	p.Card.CurveRMS, p.Card.MeanRMS = math.Sqrt(squares/float64(points)), math.Sqrt(plain/float64(points))
}

// scorePlain learns and scores the parameters as in the paper, from every series as fitted.
func (p *Predictor) scorePlain(params []target, progress func(string)) {
	for _, target := range params {
		progress("scoring " + target.name + ", from every series")
		c := TargetCard{Name: target.name, Transform: p.transform(target, true)}
		s := p.sampleOf(p.table.Rows, target, c.Transform)
		scores := s.candidateScores(seeded(target))
		c.choose(scores, scores)
		c.score(s, seeded(target))
		p.Card.Plain = append(p.Card.Plain, c)
	}
}

// transform returns a target's transform. The lambda of yeo-johnson is fitted to the series from which the target is
// learned: all series if plain, otherwise those that sample returns.
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

// describe returns a card with the fields that follow from the table alone.
func (t Table) describe() Card {
	c := Card{Architectures: len(t.Archs), Series: len(t.Rows), Last: t.Rows[0].Last,
		Regimes: map[string]int{}, Open: map[string]int{}}
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

// average is a learner that ignores the features and predicts the mean.
type average struct{}

// Fit implements Learner. The target has mean 0, which a line without weights predicts.
func (average) Fit([][]float64, []float64, rng.Stream) Model { return line{} }

// choose records the candidates' scores and chooses the candidate with the largest merit.
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

// score fills in the scores of the chosen learner and returns its predictions of every row, each architecture left out
// in turn.
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

// confidence is the share of residuals that the interval is to contain.
const confidence = 0.9

// within returns the residuals between which the share confidence of new ones is expected. They are the order
// statistics of ranks (n+1)(1 -+ confidence)/2, rounded outwards.
func within(residuals []float64) (low, high float64) {
	sorted := slices.Sorted(slices.Values(residuals))
	n := len(sorted)
	rank := int(math.Floor(float64(n+1) * (1 - confidence) / 2))
	rank = max(rank, 1)
	return sorted[rank-1], sorted[n-rank]
}

// random returns the mean R² over ten random splits of the series, 80 % for training and 20 % for scoring.
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

// importance returns the importance of every group of features, the largest drop first.
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

// shuffledWithin returns a random permutation of the rows that keeps each row in its fold.
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
