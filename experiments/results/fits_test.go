package results

import (
	"errors"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/fit"
	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/store"
	"github.com/outcrop-lab/outcrop/trainer"
	"github.com/outcrop-lab/outcrop/variant"
)

// The standard error of the mean over sequences of top-1 over median, by hand: ratios 2, 4 and 6 have a standard
// deviation of 2, over sqrt(3).
func TestSpread(t *testing.T) {
	results := t.TempDir()
	db, err := store.Open(filepath.Join(results, "outcrop.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if err := db.PutRun(store.Run{ID: "r", Config: "{}", Status: "done", Slices: 1}); err != nil {
		t.Fatal(err)
	}
	for step := range 3 {
		rows := []store.Row{{Site: "resid_post", Statistic: "ratio_mean", Layer: 1, Head: -1, Idx: -1, Value: 4}}
		sequences := 3
		if step == 2 {
			sequences = 2 // too few for a spread
		}
		for i := range sequences {
			rows = append(rows, store.Row{Site: "resid_post", Statistic: "top1", Layer: 1, Head: -1, Idx: i,
				Value: float64(2*i+2) / 2},
				store.Row{Site: "resid_post", Statistic: "median", Layer: 1, Head: -1, Idx: i, Value: .5})
		}
		if err := db.PutRows("r", step, rows); err != nil {
			t.Fatal(err)
		}
	}
	spread, err := spreads(db, "r")
	if err != nil || len(spread) != 2 || math.Abs(spread[layerStep{1, 0}]-2/math.Sqrt(3)) > 1e-12 {
		t.Fatalf("%v, %v", spread, err)
	}
	curves, err := fitted.Read(db, "r")
	if err != nil {
		t.Fatal(err)
	}
	if p := pointsOf(curves[0], spread); p.Sigma != nil || len(p.T) != 3 {
		t.Errorf("where a point lacks its spread: %+v", p)
	}
	spread[layerStep{1, 2}] = 7
	if p := pointsOf(curves[0], spread); len(p.Sigma) != 3 || p.Sigma[2] != 7 {
		t.Errorf("%+v", p)
	}
}

// Settings of a fit are checked before anything is opened, and a refit under other ones replaces the fits.
func TestRefit(t *testing.T) {
	results := t.TempDir()
	var input *variant.Error
	if err := Refit(results, Fitting{Weights: "sprad"}); !errors.As(err, &input) ||
		!strings.Contains(err.Error(), `did you mean "spread"`) {
		t.Errorf("%v", err)
	}
	db, err := store.Open(filepath.Join(results, "outcrop.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if err := db.PutRun(store.Run{ID: "r", Config: `{"arch":{"width":64},"seed":3}`, Status: "done",
		Slices: 1}); err != nil {
		t.Fatal(err)
	}
	for step := range 20 {
		value := 5 + 3*math.Log1p(float64(step)) + .1*math.Sin(float64(step*step))
		if step == 4 {
			value = .5
		}
		if err := db.PutRows("r", step, []store.Row{{Site: "resid_post", Statistic: "ratio_mean", Head: -1, Idx: -1,
			Value: value}}); err != nil {
			t.Fatal(err)
		}
	}
	read := func(how Fitting) store.Fit {
		if err := Refit(results, how); err != nil {
			t.Fatal(err)
		}
		fits, err := db.Fits(store.Select{})
		if err != nil || len(fits) != len(fit.Families()) {
			t.Fatal(len(fits), err)
		}
		for _, f := range fits {
			if f.Family == "emergence" {
				return f
			}
		}
		return store.Fit{}
	}
	squares := read(Fitting{})
	huber := read(Fitting{Options: fit.Options{Loss: fit.LossHuber, Interval: fit.IntervalNone}})
	if !strings.Contains(squares.Message, "values below 1 (down to 0.5), which this quantity cannot have") ||
		len(squares.Intervals) != 8 { // the five, beta, tau0 and the rise time
		t.Errorf("%q, %v", squares.Message, squares.Intervals)
	}
	if !strings.Contains(huber.Message, "Huber's loss bounds") || len(huber.Intervals) != 0 {
		t.Errorf("%q, %v", huber.Message, huber.Intervals)
	}
	run, _, err := db.RunByID("r")
	if err != nil {
		t.Fatal(err)
	}
	factors, err := Factors(run)
	if err != nil || len(factors) != 1 || factors[0] != (Factor{"arch.width", 64, ""}) {
		t.Errorf("%+v, %v", factors, err)
	}
}

// Runs scale together if they differ in the factor, their seeds, and the places where equal data lie.
func TestFactorsGroupDataByContent(t *testing.T) {
	c := trainer.Default()
	keys := settings.FileKeys(&c)
	slices.Sort(keys)
	if want := slices.Sorted(slices.Values(fileKeys)); !slices.Equal(keys, want) {
		t.Errorf("the settings that name files are %q, and results knows %q", keys, want)
	}
	rest := func(config, digest string) string {
		all, err := Factors(store.Run{ID: strings.Repeat("0", 64), Config: config, DataDigest: digest})
		if err != nil || len(all) != 1 {
			t.Fatal(all, err)
		}
		return all[0].Rest
	}
	here := rest(`{"arch":{"width":8},"data":{"path":"a.txt","bos":true},"seed":1}`, "d")
	if there := rest(`{"arch":{"width":16},"data":{"path":"../b/a.txt","bos":true},"seed":2}`, "d"); there != here {
		t.Errorf("%q and %q, want equal data to make no difference", here, there)
	}
	if other := rest(`{"arch":{"width":16},"data":{"path":"a.txt","bos":true},"seed":2}`, "e"); other == here {
		t.Error("other data are taken for equal")
	}
	if other := rest(`{"arch":{"width":16},"data":{"path":"a.txt","bos":false},"seed":2}`, "d"); other == here {
		t.Error("another setting is taken for equal")
	}
}
