package report

import (
	"math"
	"slices"
	"strconv"

	"github.com/outcrop-lab/outcrop/plots"
	"github.com/outcrop-lab/outcrop/store"
)

const (
	ratioSite      = "resid_post"
	ratioStatistic = "ratio_mean"
)

// fitRow is a series' emergence curve, and the family that describes it best.
type fitRow struct {
	Arm, Run, A, Lambda, Gamma, T0, K, Decay, R2, AICc, Best, TPeak, Regime, Message string
	Seed                                                                             uint64
	Layer                                                                            int
}

func fits(db *store.DB, members []store.MemberRun) ([]fitRow, error) {
	var rows []fitRow
	for _, m := range members {
		all, err := db.Fits(store.Select{Run: m.Run.ID, Site: ratioSite, Statistic: ratioStatistic})
		if err != nil {
			return nil, err
		}
		best := map[int]string{}
		for _, f := range all {
			if f.Best {
				best[f.Layer] = f.Family
			}
		}
		for _, f := range all {
			if f.Family != "emergence" {
				continue
			}
			rows = append(rows, fitRow{
				Arm: m.Member.Arm, Seed: m.Member.Seed, Run: plots.ShortID(f.Run), Layer: f.Layer,
				A: param(f, "A"), Lambda: param(f, "lambda"), Gamma: param(f, "gamma"), T0: param(f, "t0"), K: param(f, "K"), Decay: decay(f),
				R2: fixed(f.R2, 4), AICc: fixed(f.AICc, 1), Best: best[f.Layer], TPeak: peak(f), Regime: f.Regime, Message: f.Message,
			})
		}
	}
	return rows, nil
}

// param is a dash where the data do not determine the parameter.
func param(f store.Fit, name string) string {
	v, ok := f.Params[name]
	if !ok || slices.Contains(f.Undetermined, name) {
		return none
	}
	return number(v)
}

// decay is 1/(lambda gamma) in steps, a dash where its interval is open.
func decay(f store.Fit) string {
	if i, ok := f.Intervals["beta"]; ok && (math.IsInf(i[0], 0) || math.IsInf(i[1], 0)) {
		return none
	}
	return number(1 / (f.Params["lambda"] * f.Params["gamma"]))
}

// peak is where the curve is highest within the data.
func peak(f store.Fit) string {
	switch {
	case f.PeakSeen:
		return fixed(f.TPeak, 0)
	case !math.IsNaN(f.TPeak):
		return "later"
	}
	return none
}

// metricRow is where a run ended.
type metricRow struct {
	Arm, Run, Status, HeldOut, Backcopy, Bigram string
	Ratio, Layer, Factor, Sink                  string
	Seed                                        uint64
	Step                                        int
}

func (c *content) readMetrics(db *store.DB, members []store.MemberRun) error {
	for _, m := range members {
		row := metricRow{Arm: m.Member.Arm, Seed: m.Member.Seed, Run: plots.ShortID(m.Run.ID), Status: m.Run.Status, Step: m.Run.Step}
		for _, x := range []struct {
			to        *string
			statistic string
		}{{&row.HeldOut, "heldout_loss"}, {&row.Backcopy, "backcopy_risk"}, {&row.Bigram, "bigram_risk"}} {
			ends, err := db.Series(store.Select{Run: m.Run.ID, Site: "run", Statistic: x.statistic})
			if err != nil {
				return err
			}
			*x.to = none
			if v, ok := last(ends); ok {
				*x.to = fixed(v, 4)
				c.Risks = c.Risks || x.statistic != "heldout_loss"
			}
		}
		if err := row.readActivations(db, m.Run.ID); err != nil {
			return err
		}
		c.Metrics = append(c.Metrics, row)
	}
	return nil
}

// readActivations takes the ratio of the block where it ends largest, and the strongest head's attention to BOS.
func (row *metricRow) readActivations(db *store.DB, run string) error {
	row.Ratio, row.Layer, row.Factor, row.Sink = none, none, none, none
	ratios, err := db.Series(store.Select{Run: run, Site: ratioSite, Statistic: ratioStatistic})
	if err != nil {
		return err
	}
	largest := math.Inf(-1)
	for _, s := range ratios {
		v := s.Values[len(s.Values)-1]
		if !(v > largest) {
			continue
		}
		largest = v
		row.Ratio, row.Layer, row.Factor = fixed(v, 2), strconv.Itoa(s.Layer), none
		if s.Steps[0] == 0 && s.Values[0] > 0 {
			row.Factor = fixed(v/s.Values[0], 2) + "×"
		}
	}
	sinks, err := db.Series(store.Select{Run: run, Site: "attn.pattern", Statistic: "first_token_attention"})
	if err != nil {
		return err
	}
	if v, ok := last(sinks); ok {
		row.Sink = fixed(v, 3)
	}
	return nil
}

// last is the largest of the series' last values, and whether there is one.
func last(series []store.Series) (float64, bool) {
	v, ok := math.NaN(), false
	for _, s := range series {
		if end := s.Values[len(s.Values)-1]; !ok || end > v || math.IsNaN(v) {
			v, ok = end, true
		}
	}
	return v, ok
}

const none = "–"

func fixed(v float64, places int) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return none
	}
	return strconv.FormatFloat(v, 'f', places, 64)
}

// number has four significant digits.
func number(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return none
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}
