// Package predict forecasts the emergence curve of each layer of an architecture before it is trained, from the curves
// fitted to other architectures (after arXiv 2508.03616).
//
// # What is predicted
//
// Separate models predict two things: the curve itself, as ln f at nine training steps from the first to the last, and
// the parameters of the curve. The paper predicts only the five parameters and draws the curve from them. That fails on
// our series: within the length of our runs most series rise to a plateau, which many combinations of the five
// parameters describe equally well (package fit reports the parameters that a series leaves undetermined). A parameter
// predicted by itself then means nothing, and five such predictions together do not describe a curve.
//
// Therefore a parameter is learned only from the series that determine it. If fewer than 40 series determine a
// parameter, or if these come from fewer than 10 architectures, the parameter is learned from all series that are not
// flat. It is then called undetermined. The curve is learned from all series, flat ones included, because a fit's curve
// is well defined even if its parameters trade off.
//
// # How accurate it is
//
// There are two scores, both R² of the transformed target. The first is the paper's: a random fifth of the series is
// held out, while other layers and seeds of the same architectures may be among the training series. The second score
// answers the user's question, how well a new architecture is predicted: each architecture in turn is left out with all
// its series. The prediction interval follows from the residuals of the second score: it contains 90 % of them. On the
// transformed scale, a target's interval has the same width for every architecture. The model card lists all scores.
package predict

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/interp"

	"github.com/outcrop-lab/outcrop/fit"
	"github.com/outcrop-lab/outcrop/rng"
)

// The files of the shipped predictor, written by `make predictor`.
var (
	//go:embed testdata/architectures.csv
	archsCSV []byte
	//go:embed testdata/fits.csv
	fitsCSV []byte
	//go:embed card.json
	cardJSON []byte
	//go:embed card.md
	cardText string
)

// CardText returns the shipped predictor's model card (Markdown).
func CardText() string { return cardText }

// Predictor predicts curves. It learns from a table, with the learners that its card names.
type Predictor struct {
	Card    Card
	table   Table
	domain  domain
	columns []column
}

// Load returns the shipped predictor. It returns an error if the card was not made from that table, if the card's
// targets are not those of this program, or if the card names an unknown learner.
func Load() (*Predictor, error) {
	table, err := Read(bytes.NewReader(archsCSV), bytes.NewReader(fitsCSV))
	if err != nil {
		return nil, err
	}
	var card Card
	if err := json.Unmarshal(cardJSON, &card); err != nil {
		return nil, fmt.Errorf("predict: reading the model card: %w", err)
	}
	p := newPredictor(table)
	p.Card = card
	digest, err := table.digest()
	if err != nil {
		return nil, err
	}
	fits := digest == card.Digest && len(card.Targets) == len(targets(card.Last))
	for i, t := range targets(card.Last) {
		if !fits {
			break
		}
		_, known := learnerNamed(card.Targets[i].Learner)
		fits = known && card.Targets[i].Name == t.name
	}
	if !fits {
		return nil, errors.New("predict: the model card was made from another table: run make predictor")
	}
	return p, nil
}

// newPredictor returns a predictor over the table, with an empty card.
func newPredictor(t Table) *Predictor {
	archs := make([]Arch, len(t.Archs))
	for i, a := range t.Archs {
		archs[i] = a.Arch
	}
	d := domainOf(archs)
	return &Predictor{table: t, domain: d, columns: d.columns()}
}

// digest returns the SHA-256 (hex) of the table's two files.
func (t Table) digest() (string, error) {
	var archs, fits bytes.Buffer
	if err := t.Write(&archs, &fits); err != nil {
		return "", err
	}
	sum := sha256.Sum256(append(archs.Bytes(), fits.Bytes()...))
	return hex.EncodeToString(sum[:]), nil
}

// target is one number that is predicted for a layer.
type target struct {
	name      string
	transform string
	step      int  // for a point of the curve
	param     bool // whether it is a parameter, not a point
}

// targets returns the parameters and the nine points of the curve, at these fractions of the training: 0, 1/16, 1/8,
// 1/4, 3/8, 1/2, 5/8, 3/4 and 1. A and K get the transform of Yeo and Johnson, beta its logarithm, and the other
// parameters log1p as in the paper. The paper takes log1p for A too, but A is negative for most of our series.
func targets(last int) []target {
	all := []target{{name: "A", transform: "yeo-johnson", param: true}, {name: "lambda", transform: "log1p", param: true},
		{name: "gamma", transform: "log1p", param: true}, {name: "t0", transform: "log1p", param: true},
		{name: "K", transform: "yeo-johnson", param: true}, {name: "beta", transform: "log", param: true}}
	for _, sixteenths := range []int{0, 1, 2, 4, 6, 8, 10, 12, 16} {
		step := sixteenths * last / 16
		all = append(all, target{name: fmt.Sprintf("f(%d)", step), transform: "log", step: step})
	}
	return all
}

// of returns the target's value for a row.
func (t target) of(r Row) float64 {
	if t.param {
		return r.Params[t.name]
	}
	return r.evaluate(float64(t.step))
}

// The fewest series, and the fewest architectures that these come from, for a parameter to be learned as determined.
const (
	enoughSeries = 40
	enoughArchs  = 10
)

// sample returns the rows from which a target is learned, and reports whether these are the rows that determine it.
func (p *Predictor) sample(t target, transform Transform) (s sample, determined bool) {
	rows := slices.Clone(p.table.Rows)
	if t.param {
		rows = slices.DeleteFunc(rows, func(r Row) bool { return r.Regime == fit.RegimeFlat })
		open := func(r Row) bool { return slices.Contains(r.Undetermined, t.name) }
		sure := slices.DeleteFunc(slices.Clone(rows), open)
		archs := map[int]bool{}
		for _, r := range sure {
			archs[r.Arm] = true
		}
		if determined = len(sure) >= enoughSeries && len(archs) >= enoughArchs; determined {
			rows = sure
		}
	} else {
		determined = true
	}
	return p.sampleOf(rows, t, transform), determined
}

// sampleOf returns the features and the transformed target of the rows.
func (p *Predictor) sampleOf(rows []Row, t target, transform Transform) sample {
	var s sample
	for _, r := range rows {
		s.x = append(s.x, features(p.columns, p.table.Archs[r.Arm].Arch, r.Layer))
		s.y = append(s.y, transform.To(t.of(r)))
		s.groups = append(s.groups, r.Arm)
	}
	return s
}

// seeded returns the random stream of a target. The points of the curve share one.
func seeded(t target) rng.Stream {
	if !t.param {
		return rng.New(0, "predict").Named("curve")
	}
	return rng.New(0, "predict").Named(t.name)
}

// Estimate is a predicted number with its 90 % interval.
type Estimate struct{ Value, Low, High float64 }

// Layer is the prediction for one block.
type Layer struct {
	Layer  int
	Params map[string]Estimate // the five parameters of the curve, and beta
	Steps  []float64
	Curve  []Estimate // f at Steps
	// Through is the emergence curve fitted to the points of Curve: the five parameters that jointly describe these
	// points, and which of the parameters trade off.
	Through fit.Result
}

// values returns the estimate of every target, in the order of Card.Targets.
func (l Layer) values() []float64 {
	var all []float64
	for _, name := range paramNames {
		all = append(all, l.Params[name].Value)
	}
	for _, e := range l.Curve {
		all = append(all, e.Value)
	}
	return all
}

// Prediction is the prediction for an architecture.
type Prediction struct {
	Layers []Layer
	// Undetermined lists the parameters that the training series do not determine. Their values mean nothing by
	// themselves.
	Undetermined []string
	// LeftOut is the name of this architecture in the training table if the table has it. The prediction is then made
	// without its series. LeftOut is "" if the architecture is new.
	LeftOut string
	Outside []Outside // the settings for which the prediction extrapolates; empty unless extrapolation was allowed
	Remarks []string  // pairs of choices that no training architecture combines
}

// Predict predicts the curves of an architecture. If the architecture is in the training table, Predict leaves its
// series out of the training. If the architecture lies outside the training data and extrapolate is false, Predict
// returns an *OutsideError. If extrapolate is true, a choice that was never trained is treated as different from every
// trained choice.
func (p *Predictor) Predict(a Arch, extrapolate bool) (Prediction, error) {
	var out Prediction
	if out.Outside = p.domain.outside(a); len(out.Outside) > 0 && !extrapolate {
		return Prediction{}, &OutsideError{out.Outside}
	}
	own := slices.IndexFunc(p.table.Archs, func(t Trained) bool { return t.same(a) })
	if own >= 0 {
		out.LeftOut = p.table.Archs[own].Name
	}
	out.Remarks = p.combinations(a)
	for i, t := range targets(p.Card.Last) {
		if t.param && !p.Card.Targets[i].Determined {
			out.Undetermined = append(out.Undetermined, t.name)
		}
	}
	var err error
	out.Layers, err = p.forecast(a, p.learn(own))
	return out, err
}

// learn learns every target from the series of all architectures except the one with index but; -1 leaves out none.
func (p *Predictor) learn(but int) []Model {
	all := targets(p.Card.Last)
	models := make([]Model, len(all))
	parallel(len(all), func(i int) {
		l, _ := learnerNamed(p.Card.Targets[i].Learner)
		s, _ := p.sample(all[i], p.Card.Targets[i].Transform)
		models[i] = learn(l, s.only(func(r int) bool { return s.groups[r] != but }), seeded(all[i]))
	})
	return models
}

// forecast predicts every target of every layer with the targets' models.
func (p *Predictor) forecast(a Arch, models []Model) ([]Layer, error) {
	var layers []Layer
	for l := range a.Layers() {
		layer := Layer{Layer: l, Params: map[string]Estimate{}}
		x := features(p.columns, a, l)
		for i, t := range targets(p.Card.Last) {
			e := p.Card.Targets[i].estimate(models[i].Predict(x))
			if t.param {
				layer.Params[t.name] = e
				continue
			}
			layer.Steps = append(layer.Steps, float64(t.step))
			layer.Curve = append(layer.Curve, Estimate{max(1, e.Value), max(1, e.Low), max(1, e.High)})
		}
		points := fit.Points{T: layer.Steps}
		for _, e := range layer.Curve {
			points.Y = append(points.Y, e.Value)
		}
		var err error
		if layer.Through, err = fit.Fit("emergence", points, fit.Options{Least: 1}); err != nil {
			return nil, fmt.Errorf("predict: layer %d: %w", l, err)
		}
		layers = append(layers, layer)
	}
	return layers, nil
}

// combinations returns a remark on each pair of a's choices that no training architecture combines.
func (p *Predictor) combinations(a Arch) []string {
	var own [][2]string
	for _, c := range p.columns {
		if key, value, ok := strings.Cut(c.Name, "="); ok && a.Choices[key] == value && !strings.Contains(key, "(") {
			own = append(own, [2]string{key, value})
		}
	}
	var remarks []string
	for i, x := range own {
		for _, y := range own[:i] {
			both := func(t Trained) bool { return t.Choices[x[0]] == x[1] && t.Choices[y[0]] == y[1] }
			if !slices.ContainsFunc(p.table.Archs, both) {
				remarks = append(remarks, fmt.Sprintf("no training architecture has %s: %s together with %s: %s",
					y[0], y[1], x[0], x[1]))
			}
		}
	}
	return remarks
}

// At returns the predicted curve at the given steps of the training. It interpolates ln f between the points of Curve
// by a monotone cubic (Fritsch and Butland 1984).
func (l Layer) At(steps []float64) []Estimate {
	pick := func(of func(Estimate) float64) func(float64) float64 {
		y := make([]float64, len(l.Curve))
		for i, e := range l.Curve {
			y[i] = math.Log(of(e))
		}
		var spline interp.FritschButland
		if err := spline.Fit(l.Steps, y); err != nil {
			panic(err) // only with fewer than two steps
		}
		return func(step float64) float64 { return math.Exp(spline.Predict(step)) }
	}
	value := pick(func(e Estimate) float64 { return e.Value })
	low := pick(func(e Estimate) float64 { return e.Low })
	high := pick(func(e Estimate) float64 { return e.High })
	out := make([]Estimate, len(steps))
	for i, step := range steps {
		out[i] = Estimate{value(step), low(step), high(step)}
	}
	return out
}
