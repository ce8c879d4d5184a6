package experiments

import (
	"fmt"
	"path/filepath"

	"github.com/outcrop-lab/outcrop/fit"
	"github.com/outcrop-lab/outcrop/probes"
	"github.com/outcrop-lab/outcrop/store"
)

// fittedStatistic is the curve of arXiv 2508.03616: top-1 over median of the block output.
const fittedStatistic = "ratio_mean"

// Refit fits the stored series of every run in a results folder again.
func Refit(results string) (err error) {
	db, err := store.Open(filepath.Join(results, "outcrop.db"))
	if err != nil {
		return err
	}
	defer func() {
		if closing := db.Close(); err == nil {
			err = closing
		}
	}()
	runs, err := db.Runs()
	if err != nil {
		return err
	}
	plan := make([]Planned, len(runs))
	for i, r := range runs {
		plan[i].ID = r.ID
	}
	return storeFits(db, plan)
}

// storeFits fits every family to the ratio of each layer of each run and stores the results, the best by AICc marked.
func storeFits(db *store.DB, plan []Planned) error {
	var fits []store.Fit
	seen := map[string]bool{}
	for _, p := range plan {
		if seen[p.ID] {
			continue
		}
		seen[p.ID] = true
		all, err := db.Series(store.Select{Run: p.ID, Site: probes.ResidPost, Statistic: fittedStatistic})
		if err != nil {
			return err
		}
		for _, s := range all {
			t := make([]float64, len(s.Steps))
			for i, step := range s.Steps {
				t[i] = float64(step)
			}
			results, err := fit.All(t, s.Values)
			if err != nil {
				continue // too few points yet: a run that was stopped early has no fit
			}
			for rank, r := range results {
				fits = append(fits, store.Fit{Run: p.ID, Site: s.Site, Statistic: s.Statistic, Layer: s.Layer, Head: s.Head, Idx: s.Idx,
					Family: r.Family, Params: r.Params, N: r.N, R2: r.R2, AdjR2: r.AdjR2, AIC: r.AIC, AICc: r.AICc, BIC: r.BIC,
					RMSE: r.RMSE, TPeak: r.TPeak, FPeak: r.FPeak, Regime: r.Regime, Message: r.Message, Best: rank == 0})
			}
		}
	}
	if err := db.PutFits(fits); err != nil {
		return fmt.Errorf("experiments: storing fits: %w", err)
	}
	return nil
}
