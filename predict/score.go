package predict

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/outcrop-lab/outcrop/fit"
	"github.com/outcrop-lab/outcrop/rng"
)

// Card is a model card: what a predictor was trained on, how good it is, and where it must not be used.
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
	Open          map[string]int `json:"open"`   // number of series that leave a parameter open, by parameter
	FitR2         [3]float64     `json:"fit_r2"` // a tenth, half and nine tenths of the series have less
	Last          int            `json:"last"`   // step at which training ends

	Targets []TargetCard `json:"targets"`
	// Plain holds the five parameters learned from every fitted series, determined or not, as in the paper.
	Plain []TargetCard `json:"plain"`
	// CurveRMS is the root mean square error in ln f over all points of the curves of architectures left out. MeanRMS is
	// the same for the mean curve of the other architectures, which ignores the architecture.
	CurveRMS float64 `json:"curve_rms"`
	MeanRMS  float64 `json:"mean_rms"`
	// Worst lists the architectures left out with the largest errors in their curves, the largest first.
	Worst []ArchError `json:"worst"`
	// Example holds the prediction for the first architecture without its own series: the value of every target, by
	// layer. It shows whether another machine predicts the same.
	Example [][]float64 `json:"example"`
}

// ArchError is an architecture's root mean square error in ln f over all points of its curves, when it is left out.
type ArchError struct {
	Name string  `json:"name"`
	RMS  float64 `json:"rms"`
}

// TargetCard describes how one target is learned, and how well.
type TargetCard struct {
	Name          string    `json:"name"`
	Transform     Transform `json:"transform"`
	Determined    bool      `json:"determined"` // learned from the series that determine it
	Series        int       `json:"series"`
	Architectures int       `json:"architectures"`
	Learner       string    `json:"learner"`
	Candidates    []Score   `json:"candidates"`
	RandomR2      float64   `json:"random_r2"`   // mean over ten random splits of 80 to 20
	LeftOutR2     float64   `json:"left_out_r2"` // each architecture left out in turn
	// Low and High are the ends of the interval that contains 90 % of the transformed residuals of architectures left out.
	// Coverage is the share inside if each architecture's interval comes from the other architectures.
	Low        float64      `json:"low"`
	High       float64      `json:"high"`
	Coverage   float64      `json:"coverage"`
	Importance []Importance `json:"importance"` // the largest first
}

// Score is the R² of a learner over five folds of whole architectures.
type Score struct {
	Learner string  `json:"learner"`
	R2      float64 `json:"r2"`
}

// Importance is the drop in R², over five folds of whole architectures, if a group of features is shuffled among the
// held-out series (permutation importance, Breiman 2001).
type Importance struct {
	Group string  `json:"group"`
	Drop  float64 `json:"drop"`
}

// estimate converts a transformed prediction to the target's own units and adds its interval.
func (c TargetCard) estimate(y float64) Estimate {
	return Estimate{c.Transform.From(y), c.Transform.From(y + c.Low), c.Transform.From(y + c.High)}
}

// Train chooses a learner for every target of a table and scores it. The caller sets Created, Machine, Commit, Sweep
// and LeftOut of the card. Train calls progress with a description of each stage.
func Train(t Table, progress func(string)) (*Predictor, error) {
	rising := map[int]bool{}
	for _, r := range t.Rows {
		if r.Regime != fit.RegimeFlat {
			rising[r.Arm] = true
		}
	}
	if len(rising) < enoughArchs {
		return nil, fmt.Errorf("predict: only %d architectures have a curve that is not flat; at least %d are needed",
			len(rising), enoughArchs)
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
			return nil, fmt.Errorf("predict: runs of %d and of %d steps: all runs of a table must have the same length",
				p.Card.Last, r.Last)
		}
	}
	p.score(p.chooseLearners(progress), progress)
	p.scorePlain(progress)
	first, err := p.predictLayers(t.Archs[0].Arch, p.learn(0))
	for _, layer := range first {
		p.Card.Example = append(p.Card.Example, layer.values())
	}
	return p, err
}

// chooseLearners adds a TargetCard with a learner for every target, and returns the targets' samples. All points of the
// curve get the same learner, so that they form a curve.
func (p *Predictor) chooseLearners(progress func(string)) []sample {
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
	for i, target := range all {
		if target.param {
			continue
		}
		c := &p.Card.Targets[i]
		scores := make([]float64, len(Candidates))
		for k := range scores {
			scores[k] = c.Candidates[k].R2
		}
		c.choose(scores, curve)
	}
	return samples
}

// score scores the chosen learner of every target, and the whole curve.
func (p *Predictor) score(samples []sample, progress func(string)) {
	var squares, plain float64
	points := 0
	archs := p.table.Archs
	own, ownPoints := make([]float64, len(archs)), make([]float64, len(archs))
	for i, target := range targets(p.Card.Last) {
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

// scorePlain sets Card.Plain.
func (p *Predictor) scorePlain(progress func(string)) {
	for _, target := range targets(p.Card.Last)[:len(fit.Params("emergence"))] {
		progress("scoring " + target.name + ", from every series")
		c := TargetCard{Name: target.name, Transform: p.transform(target, true)}
		s := p.sampleOf(p.table.Rows, target, c.Transform)
		scores := s.candidateScores(seeded(target))
		c.choose(scores, scores)
		c.score(s, seeded(target))
		p.Card.Plain = append(p.Card.Plain, c)
	}
}

// transform returns a target's transform. The lambda of Yeo and Johnson comes from the series from which the target is
// learned, or from all series if plain is set.
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

// describe returns a card with the fields that depend only on the table.
func (t Table) describe() Card {
	c := Card{Architectures: len(t.Archs), Series: len(t.Rows), Regimes: map[string]int{}, Open: map[string]int{},
		Last: t.Rows[0].Last}
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

// Fit implements Learner. A line without weights predicts 0, the mean of the scaled target.
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

// score scores the chosen learner. It returns the prediction of each row with its architecture left out.
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

// confidence is the coverage of the interval.
const confidence = 0.9

// within returns the residuals between which the share confidence of new residuals is expected: the order statistics of
// rank (n+1) (1 -+ confidence)/2, rounded outwards.
func within(residuals []float64) (low, high float64) {
	sorted := slices.Sorted(slices.Values(residuals))
	n := len(sorted)
	rank := int(math.Floor(float64(n+1) * (1 - confidence) / 2))
	rank = max(rank, 1)
	return sorted[rank-1], sorted[n-rank]
}

// random returns the mean R² over ten random splits of the series: 80 % to learn from, 20 % to score.
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

// importance returns the importance of every group of features, the largest first.
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

// shuffledWithin returns a permutation of the rows that shuffles each fold within itself.
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
