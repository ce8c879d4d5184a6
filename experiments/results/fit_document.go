package results

import (
	"math"

	"github.com/outcrop-lab/outcrop/store"
)

// FitRow is one fit of a series, as printed. In Intervals, the open end of an interval is null.
type FitRow struct {
	Arm          string               `json:"arm,omitempty"`
	Seed         uint64               `json:"seed"`
	Run          string               `json:"run,omitempty"`
	Series       string               `json:"series"`
	Layer        int                  `json:"layer"`
	Family       string               `json:"family"`
	Best         bool                 `json:"best"`
	Weight       Number               `json:"weight"`
	Params       map[string]Number    `json:"params"`
	Intervals    map[string][2]Number `json:"intervals"`
	Undetermined []string             `json:"undetermined"`
	N            int                  `json:"n"`
	R2           Number               `json:"r2"`
	AdjR2        Number               `json:"adj_r2"`
	RMSE         Number               `json:"rmse"`
	AIC          Number               `json:"aic"`
	AICc         Number               `json:"aicc"`
	BIC          Number               `json:"bic"`
	TPeak        Number               `json:"t_peak"`
	FPeak        Number               `json:"f_peak"`
	PeakSeen     bool                 `json:"peak_seen"`
	RiseTime     Number               `json:"rise_time"`
	Steady       Number               `json:"steady"`
	Condition    Number               `json:"condition"`
	Regime       string               `json:"regime"`
	Message      string               `json:"message"`
}

// FitDocument is what `fit --json` prints. The fields after Across are those of a table that the user gave.
type FitDocument struct {
	Fits []FitRow `json:"fits"`
	Across
	StepColumn string   `json:"step_column,omitempty"`
	LeftOut    []string `json:"left_out,omitempty"` // each series that could not be fitted, with the reason
	Figure     string   `json:"figure,omitempty"`
	Caption    string   `json:"caption,omitempty"`
}

// FitRows lists the stored fits of a sweep's runs.
func FitRows(db *store.DB, sweep string) ([]FitRow, error) {
	runs, err := db.RunsOf(sweep)
	if err != nil {
		return nil, err
	}
	var rows []FitRow
	for _, m := range runs {
		fits, err := db.Fits(store.Select{Run: m.Run.ID})
		if err != nil {
			return nil, err
		}
		for _, f := range fits {
			row := FitRowOf(f)
			row.Arm, row.Seed, row.Run = m.Member.Arm, m.Member.Seed, m.Run.ID
			row.Series = f.Site + "/" + f.Statistic
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// FitRowOf returns a fit as a row in which arm, seed, run and series are not set.
func FitRowOf(f store.Fit) FitRow {
	return FitRow{Layer: f.Layer, Family: f.Family, Best: f.Best, Weight: Number(f.Weight), Params: Numbers(f.Params),
		Intervals: ends(f.Intervals), Undetermined: append([]string{}, f.Undetermined...), N: f.N, R2: Number(f.R2),
		AdjR2: Number(f.AdjR2), RMSE: Number(f.RMSE), AIC: Number(f.AIC), AICc: Number(f.AICc), BIC: Number(f.BIC),
		TPeak: Number(f.TPeak), FPeak: Number(f.FPeak), PeakSeen: f.PeakSeen, RiseTime: Number(f.RiseTime),
		Steady: Number(f.Steady), Condition: Number(f.Condition), Regime: f.Regime, Message: f.Message}
}

// Decay returns 1/beta = 1/(lambda gamma), in steps. The data often determine it even if they do not determine lambda
// and gamma. Decay returns NaN if the interval of beta is open or the series is constant.
func (r FitRow) Decay() Number {
	if r.Params["A"] == 0 {
		return Number(math.NaN())
	}
	for _, end := range r.Intervals["beta"] {
		if f := float64(end); math.IsNaN(f) || math.IsInf(f, 0) {
			return Number(math.NaN())
		}
	}
	return 1 / (r.Params["lambda"] * r.Params["gamma"])
}
