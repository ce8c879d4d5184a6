package predict

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/outcrop-lab/outcrop/fit"
	"github.com/outcrop-lab/outcrop/rng"
)

// config returns the resolved configuration of a made-up run.
func config(layers, width int, lr float64, norm, gate string) string {
	return fmt.Sprintf(`{"arch":{"layers":%d,"width":%d,"heads":2,"context":32,
		"norm":{"name":%q,"eps":1e-6},"gate":{"name":%q},"mlp":{"name":"gelu","multiple":4}},
		"optim":{"name":"adamw","lr":%g,"weight_decay":0},"train":{"steps":800},
		"seed":3,"probe":{"heldout":8},"checkpoint":{"keep":1}}`, layers, width, norm, gate, lr)
}

// planted returns a table with curves that follow a known rule: ln K rises with ln width and depth and falls with a
// gate; the other parameters are the same for all. noise is the standard deviation of ln K.
func planted(t *testing.T, archs int, noise float64, seed uint64) Table {
	t.Helper()
	table, err := plant(archs, noise, seed)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func plant(archs int, noise float64, seed uint64) (Table, error) {
	var table Table
	r := rng.New(seed, "test").Rand()
	for i := range archs {
		layers, width := 2+i%5, 32*(1+i%4)
		norm, gate := "rmsnorm", "none"
		if i%3 == 1 {
			norm = "ssnorm"
		}
		if i%4 == 2 {
			gate = "g1"
		}
		a, err := trained(fmt.Sprintf("arm-%d", i), config(layers, width, []float64{.01, .003, .001}[i%3], norm, gate))
		if err != nil {
			return Table{}, err
		}
		table.Archs = append(table.Archs, a)
		for seed := range uint64(2) {
			for l := range layers {
				table.Rows = append(table.Rows, plantedRow(i, seed, l, math.Exp(rule(a.Arch, l)+noise*r.NormFloat64())))
			}
		}
	}
	return table, nil
}

// rule returns the planted ln K without noise.
func rule(a Arch, layer int) float64 {
	y := .5*math.Log(a.Numbers["arch.width"]) + .4*float64(layer+1)/a.Numbers["arch.layers"]
	if a.Choices["arch.gate"] == "g1" {
		y -= .8
	}
	return y
}

// plantedRow returns a curve f = k + A exp(-lambda x) ln x that starts at 1 and saturates at k.
func plantedRow(arm int, seed uint64, layer int, k float64) Row {
	params := map[string]float64{"lambda": .5, "gamma": .01, "t0": 2, "K": k, "beta": .005}
	params["A"] = (1 - k) / (math.Exp(-.5*2) * math.Log(2))
	return Row{Arm: arm, Seed: seed, Run: fmt.Sprintf("%d-%d", arm, seed), Layer: layer, Params: params,
		Undetermined: []string{"lambda"}, Regime: fit.RegimeLogarithmicIncrease, R2: .99, Last: 800}
}

func quiet(string) {}

// taught returns a predictor trained on twenty planted architectures.
var taught = sync.OnceValues(func() (*Predictor, error) {
	table, err := plant(20, .05, 1)
	if err != nil {
		return nil, err
	}
	return Train(table, quiet)
})

// Targets that follow the rule are learned, also for left-out architectures. A parameter that no series determines is
// called undetermined.
func TestTrainOnPlantedRule(t *testing.T) {
	p, err := taught()
	if err != nil {
		t.Fatal(err)
	}
	scores := map[string]TargetCard{}
	for _, c := range p.Card.Targets {
		scores[c.Name] = c
	}
	// The variance is about .12 for the rule and .0025 for the noise, so that R² can reach .98.
	for _, name := range []string{"K", "A", "f(800)"} {
		if c := scores[name]; !(c.LeftOutR2 > .9) || !(c.RandomR2 > .9) || !c.Determined {
			t.Errorf("%s: R² %.3f left out, %.3f random, determined %v", name, c.LeftOutR2, c.RandomR2, c.Determined)
		}
	}
	if c := scores["lambda"]; c.Determined {
		t.Error("lambda is called determined, but no series determines it")
	}
	if top := scores["f(800)"].Importance; !slices.Contains([]string{"arch.gate", "width"}, top[0].Group) ||
		!slices.Contains([]string{"arch.gate", "width", "depth"}, top[1].Group) {
		t.Errorf("the most important groups are %v, want gate, width and depth", top[:3])
	}
	for _, i := range scores["f(800)"].Importance {
		if i.Group == "lr" && i.Drop > .05 {
			t.Errorf("the learning rate has importance %.3f, but the rule does not depend on it", i.Drop)
		}
	}
	var out bytes.Buffer
	if err := p.Card.Print(&out); err != nil || !strings.Contains(out.String(), "| lambda (undetermined) |") ||
		!strings.Contains(out.String(), "Where it must not be used") {
		t.Errorf("the card: %v\n%s", err, out.String())
	}
}

// Pure noise is not learned, and the score shows it.
func TestTrainOnNoise(t *testing.T) {
	table := planted(t, 20, 0, 1)
	r := rng.New(7, "test").Rand()
	for i, row := range table.Rows {
		table.Rows[i] = plantedRow(row.Arm, row.Seed, row.Layer, math.Exp(2+.5*r.NormFloat64()))
	}
	p := newPredictor(table)
	for _, target := range targets(800)[:5] {
		if target.name != "K" {
			continue
		}
		c := TargetCard{Transform: p.transform(target, false)}
		k, _ := p.sample(target, c.Transform)
		c.Learner = "forest, a third of the features"
		if c.score(k, seeded(target)); c.LeftOutR2 > .1 { // 160 rows: the standard error of a correlation of 0 is .08
			t.Errorf("K: R² %.3f on noise", c.LeftOutR2)
		}
	}
}

// The interval has its nominal coverage for new architectures that follow the same rule with the same noise.
func TestIntervalCovers(t *testing.T) {
	inside, all := 0, 0
	for seed := range uint64(6) {
		p := newPredictor(planted(t, 20, .2, 10+seed))
		target := targets(800)[4]
		c := TargetCard{Transform: p.transform(target, false), Learner: "ridge, alpha 10"}
		k, _ := p.sample(target, c.Transform)
		c.score(k, seeded(target))
		model := learn(Ridge{10}, k, seeded(target))
		r := rng.New(seed, "test.new").Rand()
		for i := range 20 {
			a, err := ParseArch(config(2+i%4, 32+8*i%96, .002, []string{"rmsnorm", "ssnorm"}[i%2],
				[]string{"none", "g1"}[i/2%2]))
			if err != nil {
				t.Fatal(err)
			}
			for l := range a.Layers() {
				truth := math.Exp(rule(a, l) + .2*r.NormFloat64())
				if e := c.estimate(model.Predict(features(p.columns, a, l))); e.Low <= truth && truth <= e.High {
					inside++
				}
				all++
			}
		}
	}
	// With 420 layers the binomial standard deviation is 1.5 %. The six intervals come from 160 residuals each, which adds
	// 1 % in all.
	if share := float64(inside) / float64(all); share < .84 || share > .96 {
		t.Errorf("%d of %d inside, want 90 %%", inside, all)
	}
}

// A parameter that came after the training agrees with a configuration without it as long as it is zero.
func TestNewerParameter(t *testing.T) {
	p, err := taught()
	if err != nil {
		t.Fatal(err)
	}
	known := p.table.Archs[3].Config
	for at, want := range map[string][]Outside{"0": nil, "0.1": {{"train.later.at", "0.1", "without it"}}} {
		a, err := ParseArch(strings.Replace(known, `"steps":800`,
			`"steps":800,"later":{"at":`+at+`,"on":false,"file":""}`, 1))
		if err != nil {
			t.Fatal(err)
		}
		predicted, err := p.Predict(a, true)
		if err != nil || !reflect.DeepEqual(predicted.Outside, want) || (predicted.LeftOut == "arm-3") != (want == nil) {
			t.Errorf("at %s: outside %v, left out %q, %v", at, predicted.Outside, predicted.LeftOut, err)
		}
	}
}

// A configuration outside the training data is refused with its settings named; if extrapolation is allowed, it is
// predicted and marked. Combinations that were not trained are remarked on.
func TestOutside(t *testing.T) {
	shared, err := taught()
	if err != nil {
		t.Fatal(err)
	}
	p := newPredictor(planted(t, 20, .05, 1)) // its own table, which is changed below
	p.Card = shared.Card
	parse := func(text string) Arch {
		a, err := ParseArch(text)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	base, gated := config(4, 64, .01, "rmsnorm", "none"), config(4, 64, .01, "rmsnorm", "g1")
	replaced := func(text, old, new string) string { return strings.Replace(text, old, new, 1) }
	for text, want := range map[string][]Outside{
		config(12, 64, .01, "rmsnorm", "none"): {{"arch.layers", "12", "2 to 6"}},
		config(4, 16, .1, "rmsnorm", "none"):   {{"arch.width", "16", "32 to 128"}, {"optim.lr", "0.1", "0.001 to 0.01"}},
		config(4, 64, .01, "dyt", "none"):      {{"arch.norm", "dyt", "rmsnorm, ssnorm"}},
		replaced(gated, `{"name":"g1"}`, `{"name":"g1","granularity":"headwise"}`): {
			{"arch.gate(g1).granularity", "headwise", "without it"}},
		replaced(base, `"weight_decay":0`, `"weight_decay":0,"after_step":{"name":"tvr","every":{"name":"log","n":9}}`): {
			{"optim(adamw).after_step", "tvr", "without it"}}, // and not its parameters
		replaced(base, `"steps":800`, `"steps":2000`): {{"train.steps", "2000", "800"}},
	} {
		a := parse(text)
		_, err := p.Predict(a, false)
		var outside *OutsideError
		if !errors.As(err, &outside) || !reflect.DeepEqual(outside.All, want) {
			t.Errorf("error %v, want %v outside", err, want)
		}
		predicted, err := p.Predict(a, true)
		if err != nil || !reflect.DeepEqual(predicted.Outside, want) || len(predicted.Layers) != a.Layers() {
			t.Errorf("extrapolated: %v, %v", predicted.Outside, err)
		}
	}
	known, err := p.Predict(p.table.Archs[3].Arch, false)
	if err != nil || known.LeftOut != "arm-3" {
		t.Errorf("a training architecture: left out %q, %v", known.LeftOut, err)
	}
	for i := range p.table.Rows { // its own series are left out, so changing them changes nothing
		if p.table.Rows[i].Arm == 3 {
			p.table.Rows[i] = plantedRow(3, p.table.Rows[i].Seed, p.table.Rows[i].Layer, 1000)
		}
	}
	if again, err := p.Predict(p.table.Archs[3].Arch, false); err != nil ||
		!reflect.DeepEqual(numbers(again), numbers(known)) {
		t.Errorf("the prediction depends on the architecture's own series (%v)", err)
	}
	p.table.Archs = slices.DeleteFunc(p.table.Archs,
		func(a Trained) bool { return a.Choices["arch.gate"] == "g1" && a.Choices["arch.norm"] == "ssnorm" })
	if got := p.combinations(parse(config(4, 64, .01, "ssnorm", "g1"))); len(got) != 1 ||
		!strings.Contains(got[0], "arch.gate: g1 together with arch.norm: ssnorm") {
		t.Errorf("remarks %q", got)
	}
}

// numbers returns a prediction's layers without the fit through their points, which has NaN values.
func numbers(p Prediction) []Layer {
	layers := slices.Clone(p.Layers)
	for i := range layers {
		layers[i].Through = fit.Result{}
	}
	return layers
}

// The same table gives the same card on any number of processors.
func TestDeterminism(t *testing.T) {
	first, err := taught()
	if err != nil {
		t.Fatal(err)
	}
	var again *Predictor
	onProcessors(1, func() { again, err = Train(planted(t, 20, .05, 1), quiet) })
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(first.Card, again.Card) {
		t.Error("the cards differ")
	}
}

// Read returns the table that Write wrote.
func TestTableFiles(t *testing.T) {
	table := planted(t, 12, .1, 1)
	table.Rows[0].Undetermined = nil
	table.Rows[0].Seed, table.Rows[1].Seed = math.MaxUint64, math.MaxInt64+1
	var archs, fits bytes.Buffer
	if err := table.Write(&archs, &fits); err != nil {
		t.Fatal(err)
	}
	text := fits.String()
	back, err := Read(&archs, &fits)
	if err != nil {
		t.Fatal(err)
	}
	back.Rows[0].Undetermined = nil
	if !reflect.DeepEqual(back, table) {
		t.Error("the table differs")
	}
	_ = table.Write(&archs, &bytes.Buffer{})
	if _, err := Read(&archs, strings.NewReader(strings.Replace(text, "\narm-1,", "\narm-x,", 1))); err == nil ||
		!strings.Contains(err.Error(), "line 6: a fit of architecture arm-x") {
		t.Errorf("error %v", err) // arm-0 has two layers and two seeds
	}
	_ = table.Write(&archs, &bytes.Buffer{})
	if _, err := Read(&archs, strings.NewReader(strings.Replace(text, ",18446744073709551615,", ",-1,", 1))); err == nil {
		t.Error("a negative seed is read")
	}
}

// Train refuses too few architectures, and runs of different lengths.
func TestTrainRefuses(t *testing.T) {
	_, err := Train(planted(t, 9, .1, 1), quiet)
	if err == nil || !strings.Contains(err.Error(), "at least 10 are needed") {
		t.Errorf("nine architectures: %v", err)
	}
	table := planted(t, 12, .1, 1)
	table.Rows[5].Last = 1000
	if _, err := Train(table, quiet); err == nil || !strings.Contains(err.Error(), "800 and 1000 steps") {
		t.Errorf("two lengths: %v", err)
	}
}
