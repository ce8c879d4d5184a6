package results

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"

	"github.com/outcrop-lab/outcrop/experiments/folder"
	"github.com/outcrop-lab/outcrop/fit"
	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/store"
	"github.com/outcrop-lab/outcrop/variant"
)

// fittedStatistic is the curve of arXiv 2508.03616: top-1 over median of the block output.
const fittedStatistic = "ratio_mean"

// residPost is the site of the block output.
const residPost = "resid_post"

// How the points of a series are weighted.
const (
	WeightsSpread = "spread" // by the standard error of the mean over the probe sequences, where there are at least three
	WeightsEqual  = "equal"
)

// Fitting says how series are fitted. Its zero value is what a run does: least squares, weighted by the spread, with
// profile intervals.
type Fitting struct {
	fit.Options
	Weights string
}

// Check returns a *variant.Error that names the setting at fault.
func (f Fitting) Check() error {
	for _, c := range []struct {
		key, value string
		known      []string
	}{{"loss", f.Loss, fit.Losses()}, {"interval", f.Interval, fit.Intervals()}, {"weights", f.Weights, []string{WeightsEqual, WeightsSpread}}} {
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

// Refit fits the stored series of every run in a results folder again.
func Refit(results string, how Fitting) (err error) {
	if err := how.Check(); err != nil {
		return err
	}
	db, err := store.OpenExisting(filepath.Join(results, folder.Database))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
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

// StoreFits fits every family to the ratio of each layer of each run and stores the results, the best by AICc marked.
func StoreFits(db *store.DB, ids []string, how Fitting) error {
	var all []store.Series
	var points []fit.Points
	seen := map[string]bool{}
	for _, id := range ids {
		if seen[id] {
			continue
		}
		seen[id] = true
		series, err := db.Series(store.Select{Run: id, Site: residPost, Statistic: fittedStatistic})
		if err != nil {
			return err
		}
		spread := map[layerStep]float64{}
		if how.Weights != WeightsEqual {
			if spread, err = spreads(db, id); err != nil {
				return err
			}
		}
		for _, s := range series {
			all, points = append(all, s), append(points, pointsOf(s, spread))
		}
	}
	how.Least = 1 // of a largest over a median
	var fits []store.Fit
	for i, fitted := range fit.Each(points, how.Options) {
		if fitted.Err != nil {
			continue // too few points yet: a run that was stopped early has no fit
		}
		for rank, r := range fitted.Results {
			fits = append(fits, StoredFit(all[i], r, rank == 0))
		}
	}
	if err := db.PutFits(fits); err != nil {
		return fmt.Errorf("results: storing fits: %w", err)
	}
	return nil
}

// StoredFit is a fit of a series as the store keeps it. Of the series its place is taken, not its points.
func StoredFit(s store.Series, r fit.Result, best bool) store.Fit {
	intervals := make(map[string][2]float64, len(r.Intervals))
	for name, i := range r.Intervals {
		intervals[name] = [2]float64{i.Low, i.High}
	}
	return store.Fit{Run: s.Run, Site: s.Site, Statistic: s.Statistic, Layer: s.Layer, Head: s.Head, Idx: s.Idx,
		Family: r.Family, Params: r.Params, N: r.N, R2: r.R2, AdjR2: r.AdjR2, AIC: r.AIC, AICc: r.AICc, BIC: r.BIC,
		RMSE: r.RMSE, TPeak: r.TPeak, FPeak: r.FPeak, PeakSeen: r.PeakSeen, RiseTime: r.RiseTime, Steady: r.Steady, Condition: r.Condition, Weight: r.Weight,
		Regime: r.Regime, Message: r.Message, Best: best, Intervals: intervals, Undetermined: r.Undetermined}
}

// layerStep is a layer at a step.
type layerStep struct{ layer, step int }

// spreads is the standard error of the mean of top-1 over median, over the probe sequences, in each place that has three
// of them.
func spreads(db *store.DB, run string) (map[layerStep]float64, error) {
	tops, err := db.Series(store.Select{Run: run, Site: residPost, Statistic: "top1"})
	if err != nil {
		return nil, err
	}
	medians, err := db.Series(store.Select{Run: run, Site: residPost, Statistic: "median"})
	if err != nil {
		return nil, err
	}
	type cell struct{ layer, sequence, step int }
	median := map[cell]float64{}
	for _, s := range medians {
		for i, step := range s.Steps {
			median[cell{s.Layer, s.Idx, step}] = s.Values[i]
		}
	}
	ratios := map[layerStep][]float64{}
	for _, s := range tops {
		for i, step := range s.Steps {
			if r := s.Values[i] / median[cell{s.Layer, s.Idx, step}]; !math.IsNaN(r) && !math.IsInf(r, 0) {
				at := layerStep{s.Layer, step}
				ratios[at] = append(ratios[at], r)
			}
		}
	}
	spread := map[layerStep]float64{}
	for at, r := range ratios {
		if n := float64(len(r)); n >= 3 {
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
func pointsOf(s store.Series, spread map[layerStep]float64) fit.Points {
	p := fit.Points{T: make([]float64, len(s.Steps)), Y: s.Values}
	for i, step := range s.Steps {
		p.T[i] = float64(step)
		if sigma, ok := spread[layerStep{s.Layer, step}]; ok {
			p.Sigma = append(p.Sigma, sigma)
		}
	}
	if len(p.Sigma) != len(p.T) {
		p.Sigma = nil
	}
	return p
}

// Factor is a setting with which the parameters of a fit may scale. Runs of equal Rest differ in it and in their seeds alone.
type Factor struct {
	Key   string
	Value float64
	Rest  string
}

// Factors are a run's width, layers and learning rate, as far as it has them.
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
		rest := slices.DeleteFunc(slices.Clone(list), func(s settings.Setting) bool { return s.Key == key || s.Key == "seed" })
		factors = append(factors, Factor{key, value, settings.Fingerprint(rest)})
	}
	return factors, nil
}
