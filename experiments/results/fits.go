package results

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"

	"github.com/outcrop-lab/outcrop/derive"
	"github.com/outcrop-lab/outcrop/experiments/folder"
	"github.com/outcrop-lab/outcrop/fit"
	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/store"
	"github.com/outcrop-lab/outcrop/variant"
)

// residPost is the site of the block output.
const residPost = "resid_post"

// fitted is the curve of arXiv 2508.03616: top-1 over median of the block output, in each layer.
var fitted = derive.Scalar{Site: residPost, Statistic: "ratio_mean", Layers: derive.Each}

// The ways to weight the points of a series.
const (
	WeightsSpread = "spread" // by the standard error of the mean over the probe sequences, if there are at least three
	WeightsEqual  = "equal"
)

// Fitting says how series are fitted. Its zero value stands for what `run` does: least squares, weighted by the spread,
// with profile intervals.
type Fitting struct {
	fit.Options
	Weights string
}

// Check returns a *variant.Error that names the setting at fault.
func (f Fitting) Check() error {
	for _, c := range []struct {
		key, value string
		known      []string
	}{{"loss", f.Loss, fit.Losses()}, {"interval", f.Interval, fit.Intervals()},
		{"weights", f.Weights, []string{WeightsEqual, WeightsSpread}}} {
		known := c.value == ""
		for _, name := range c.known {
			known = known || name == c.value
		}
		if !known {
			return variant.Errorf(c.key, "%s", variant.Unknown(c.key, c.value, c.known))
		}
	}
	return nil
}

// Refit repeats the fits to the stored series of every run in a results folder. It returns store.ErrReadOnly before it
// fits anything if the fits cannot be stored.
func Refit(results string, how Fitting) (err error) {
	if err := how.Check(); err != nil {
		return err
	}
	db, err := store.OpenExisting(filepath.Join(results, folder.Database))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.Writable(); err != nil {
		return err
	}
	runs, err := db.Runs()
	if err != nil {
		return err
	}
	ids := make([]string, len(runs))
	for i, r := range runs {
		ids[i] = r.ID
	}
	return StoreFits(db, ids, how)
}

// StoreFits fits every family to the ratio of each layer of each run. It stores the results, and marks the best of each
// series by AICc.
func StoreFits(db *store.DB, ids []string, how Fitting) error {
	var all []store.Fit // where each series stands
	var points []fit.Points
	seen := map[string]bool{}
	for _, id := range ids {
		if seen[id] {
			continue
		}
		seen[id] = true
		curves, err := fitted.Read(db, id)
		if missing := new(derive.Missing); errors.As(err, &missing) {
			continue
		}
		if err != nil {
			return err
		}
		spread := map[layerStep]float64{}
		if how.Weights != WeightsEqual {
			if spread, err = spreads(db, id); err != nil {
				return err
			}
		}
		for _, c := range curves {
			all = append(all, store.Fit{Run: id, Site: fitted.Site, Statistic: fitted.Statistic, Layer: c.Layer, Head: c.Head,
				Idx: c.Idx})
			points = append(points, pointsOf(c, spread))
		}
	}
	how.Least = 1 // of a largest over a median
	var fits []store.Fit
	for i, each := range fit.Each(points, how.Options) {
		if each.Err != nil {
			continue // too few points yet: a run that was stopped early has no fit
		}
		for rank, r := range each.Results {
			fits = append(fits, StoredFit(all[i], r, rank == 0))
		}
	}
	if err := db.PutFits(fits); err != nil {
		return fmt.Errorf("results: storing fits: %w", err)
	}
	return nil
}

// StoredFit returns a fit in the store's form, with the run, site, statistic, layer, head and idx of at.
func StoredFit(at store.Fit, r fit.Result, best bool) store.Fit {
	intervals := make(map[string][2]float64, len(r.Intervals))
	for name, i := range r.Intervals {
		intervals[name] = [2]float64{i.Low, i.High}
	}
	return store.Fit{Run: at.Run, Site: at.Site, Statistic: at.Statistic, Layer: at.Layer, Head: at.Head, Idx: at.Idx,
		Family: r.Family, Params: r.Params, N: r.N, R2: r.R2, AdjR2: r.AdjR2, AIC: r.AIC, AICc: r.AICc, BIC: r.BIC,
		RMSE: r.RMSE, TPeak: r.TPeak, FPeak: r.FPeak, PeakSeen: r.PeakSeen, RiseTime: r.RiseTime, Steady: r.Steady,
		Condition: r.Condition, Weight: r.Weight, Regime: r.Regime, Message: r.Message, Best: best, Intervals: intervals,
		Undetermined: r.Undetermined}
}

// layerStep is a layer at a step.
type layerStep struct{ layer, step int }

// spreads returns the standard error of the mean of top-1 over median, over the probe sequences, in each place that has
// at least three of them.
func spreads(db *store.DB, run string) (map[layerStep]float64, error) {
	type cell struct{ layer, sequence, step int }
	read := func(statistic string) (map[cell]float64, error) {
		curves, err := derive.Scalar{Site: residPost, Statistic: statistic, Idx: derive.Each, Layers: derive.Each}.Read(db,
			run)
		if missing := new(derive.Missing); err != nil && !errors.As(err, &missing) {
			return nil, err
		}
		values := map[cell]float64{}
		for _, c := range curves {
			for i, step := range c.Steps {
				values[cell{c.Layer, c.Idx, step}] = c.Values[i]
			}
		}
		return values, nil
	}
	tops, err := read("top1")
	if err != nil {
		return nil, err
	}
	medians, err := read("median")
	if err != nil {
		return nil, err
	}
	ratios := map[layerStep][]float64{}
	// sums in a fixed order
	cells := slices.SortedFunc(maps.Keys(tops), func(a, b cell) int { return a.sequence - b.sequence })
	for _, c := range cells {
		if r := tops[c] / medians[c]; !math.IsNaN(r) && !math.IsInf(r, 0) {
			at := layerStep{c.layer, c.step}
			ratios[at] = append(ratios[at], r)
		}
	}
	spread := map[layerStep]float64{}
	for at, r := range ratios {
		if n := float64(len(r)); n >= 3 {
			// Sums in the order of the sequences: the last bit of gonum's differs, and fits that the data hardly
			// determine would move by it.
			var sum, squares float64
			for _, x := range r {
				sum += x
			}
			for _, x := range r {
				squares += (x - sum/n) * (x - sum/n)
			}
			spread[at] = math.Sqrt(squares / (n - 1) / n)
		}
	}
	return spread, nil
}

// pointsOf leaves the weights equal where a point lacks its spread.
func pointsOf(c derive.Curve, spread map[layerStep]float64) fit.Points {
	p := fit.Points{T: make([]float64, len(c.Steps)), Y: c.Values}
	for i, step := range c.Steps {
		p.T[i] = float64(step)
		if sigma, ok := spread[layerStep{c.Layer, step}]; ok {
			p.Sigma = append(p.Sigma, sigma)
		}
	}
	if len(p.Sigma) != len(p.T) {
		p.Sigma = nil
	}
	return p
}

// Factor is a setting with which the parameters of a fit may scale. Runs whose Rest is equal differ only in this
// setting and in their seeds.
type Factor struct {
	Key   string
	Value float64
	Rest  string
}

// fileKeys are the settings that name files. The digest of the data stands for their content.
var fileKeys = []string{"data.path", "data.file", "data.tokenizer"}

// Factors returns the width, the number of layers and the learning rate of a run, as far as its configuration has them.
// Where the run's data lie makes no difference.
func Factors(r store.Run) ([]Factor, error) {
	list, err := settings.Parse(r.Config)
	if err != nil {
		return nil, fmt.Errorf("results: run %s: %w", store.Short(r.ID), err)
	}
	var factors []Factor
	for _, key := range []string{"arch.width", "arch.layers", "optim.lr"} {
		value, ok := settings.Number(list, key)
		if !ok {
			continue
		}
		rest := slices.DeleteFunc(slices.Clone(list), func(s settings.Setting) bool {
			return s.Key == key || s.Key == "seed" || slices.Contains(fileKeys, s.Key)
		})
		factors = append(factors, Factor{key, value, settings.Fingerprint(rest) + r.DataDigest})
	}
	return factors, nil
}
