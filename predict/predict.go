// Package predict predicts the emergence curve of each layer of an architecture before it is trained, from the curves
// fitted to other architectures (after arXiv 2508.03616).
//
// # What is predicted
//
// The predictor predicts the curve itself, as the logarithm of f at nine steps of the training, f(0) to f(last), and
// the parameters of the curve, each by its own model. The paper predicts only the five parameters and draws the curve
// from them. Our runs do not allow that. Over their length most series rise to a plateau, which many combinations of
// the five parameters draw equally well (see package fit). A parameter predicted by itself then means nothing, and five
// of them together do not draw the curve. So a parameter is learned from the series that determine it. If fewer than 40
// series or 10 architectures do, it is learned from all series that are not flat, as in the paper, and is called
// undetermined. The curve is learned from all series, including flat ones, because a fit's curve remains valid even if
// its parameters trade off.
//
// # How good it is
//
// There are two scores, both the R² of the transformed target. The first, as in the paper, holds out a random fifth of
// the series; the predictor has then seen the other layers and the other seed of an architecture. The second leaves out
// each architecture in turn with all its series, which is the case that a user asks about. The interval comes from the
// second: it contains 90 % of the residuals of architectures left out, and has the same width for every architecture.
// The model card holds all scores.
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

// The files of the shipped predictor, which `make predictor` writes.
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

// CardText returns the shipped predictor's model card as Markdown.
func CardText() string { return cardText }

// Predictor is a table of fitted curves, and a card that says which learner predicts each target from it.
type Predictor struct {
	Card    Card
	table   Table
	domain  domain
	columns []column
}

// Load returns the shipped predictor.
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
		return nil, errors.New("predict: the model card does not match the table beside it; run make predictor")
	}
	return p, nil
}

func newPredictor(t Table) *Predictor {
	archs := make([]Arch, len(t.Archs))
	for i, a := range t.Archs {
		archs[i] = a.Arch
	}
	d := domainOf(archs)
	return &Predictor{table: t, domain: d, columns: d.columns()}
}

// digest returns the SHA-256 of the table's two files.
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
	step      int  // of a point of the curve
	param     bool // a parameter; otherwise a point of the curve
}

// targets returns the parameters, and then nine points of the curve over the training: 0, 1/16, 1/8, 2/8, 3/8 to 6/8,
// and the last step. A and K have the transform of Yeo and Johnson (the paper uses log1p for A, which is negative for
// most of our series), beta and the points have the logarithm, and the others log1p, as in the paper.
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

func (t target) of(r Row) float64 {
	if t.param {
		return r.Params[t.name]
	}
	return r.evaluate(float64(t.step))
}

// The least numbers of series and of architectures from which a parameter is learned as a determined one.
const (
	enoughSeries = 40
	enoughArchs  = 10
)

// sample returns the rows from which a target is learned, and whether they are only series that determine it.
func (p *Predictor) sample(t target, transform Transform) (s sample, determined bool) {
	rows := slices.Clone(p.table.Rows)
	if t.param {
		rows = slices.DeleteFunc(rows, func(r Row) bool { return r.Regime == fit.RegimeFlat })
		sure := slices.DeleteFunc(slices.Clone(rows), func(r Row) bool { return slices.Contains(r.Undetermined, t.name) })
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

func (p *Predictor) sampleOf(rows []Row, t target, transform Transform) sample {
	var s sample
	for _, r := range rows {
		s.x = append(s.x, features(p.columns, p.table.Archs[r.Arm].Arch, r.Layer))
		s.y = append(s.y, transform.To(t.of(r)))
		s.groups = append(s.groups, r.Arm)
	}
	return s
}

// seeded returns the random stream for everything about a target. All points of the curve share one stream.
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
	Params map[string]Estimate // the five of the curve, and beta
	Steps  []float64
	Curve  []Estimate // f at Steps
	// Through is the emergence curve fitted to the points of Curve: five parameters that together draw it, and the names
	// of those that trade off.
	Through fit.Result
}

// values returns the estimated value of every target, in the order of Card.Targets.
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
	// Undetermined names the parameters that the training series leave open. Their numbers mean nothing by themselves.
	Undetermined []string
	// LeftOut names the training architecture with the same settings, whose series were left out. It is "" for a new
	// architecture.
	LeftOut string
	Outside []Outside // settings for which the prediction is an extrapolation; only if extrapolate was set
	Remarks []string
}

// Predict predicts the curves of an architecture. It refuses an architecture outside what the predictor was trained on
// with an *OutsideError, unless extrapolate is set; a choice that was never trained then counts as none of the known
// ones. If the architecture is one of those trained, Predict leaves out its own series.
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
	out.Layers, err = p.predictLayers(a, p.learn(own))
	return out, err
}

// learn learns every target from the series of all architectures except that of index but; -1 leaves out none.
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

// predictLayers predicts every target for every layer.
func (p *Predictor) predictLayers(a Arch, models []Model) ([]Layer, error) {
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

// combinations returns remarks on pairs of choices that no training architecture has together.
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
				remarks = append(remarks, fmt.Sprintf("no training architecture has %s: %s together with %s: %s", y[0], y[1],
					x[0], x[1]))
			}
		}
	}
	return remarks
}

// At returns the predicted curve at steps of the training. Between its points it interpolates the logarithm by a
// monotone cubic (Fritsch and Butland 1984).
func (l Layer) At(steps []float64) []Estimate {
	pick := func(of func(Estimate) float64) func(float64) float64 {
		y := make([]float64, len(l.Curve))
		for i, e := range l.Curve {
			y[i] = math.Log(of(e))
		}
		var spline interp.FritschButland
		if err := spline.Fit(l.Steps, y); err != nil {
			panic(err) // cannot happen: a curve has more than two steps
		}
		return func(step float64) float64 { return math.Exp(spline.Predict(step)) }
	}
	value := pick(func(e Estimate) float64 { return e.Value })
	low, high := pick(func(e Estimate) float64 { return e.Low }), pick(func(e Estimate) float64 { return e.High })
	out := make([]Estimate, len(steps))
	for i, step := range steps {
		out[i] = Estimate{value(step), low(step), high(step)}
	}
	return out
}
