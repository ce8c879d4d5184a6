package report

import (
	"errors"
	"math"
	"slices"
	"strconv"

	"github.com/outcrop-lab/outcrop/derive"
	"github.com/outcrop-lab/outcrop/plots"
	"github.com/outcrop-lab/outcrop/store"
)

const (
	ratioSite      = "resid_post"
	ratioStatistic = "ratio_mean"
)

// fitRow is the emergence curve of a series, and the family that fits it best.
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
				A: param(f, "A"), Lambda: param(f, "lambda"), Gamma: param(f, "gamma"), T0: param(f, "t0"), K: param(f, "K"),
				Decay: decay(f),
				R2:    fixed(f.R2, 4), AICc: fixed(f.AICc, 1), Best: best[f.Layer], TPeak: peak(f), Regime: f.Regime,
				Message: f.Message,
			})
		}
	}
	return rows, nil
}

// param returns a fit's parameter, or a dash if the data do not determine it.
func param(f store.Fit, name string) string {
	v, ok := f.Params[name]
	if !ok || slices.Contains(f.Undetermined, name) {
		return none
	}
	return number(v)
}

// decay returns 1/(lambda gamma) in steps, or a dash if its interval is open.
func decay(f store.Fit) string {
	if i, ok := f.Intervals["beta"]; ok && (math.IsInf(i[0], 0) || math.IsInf(i[1], 0)) {
		return none
	}
	return number(1 / (f.Params["lambda"] * f.Params["gamma"]))
}

// peak returns the step of the curve's maximum if it lies within the data, "later" if it lies beyond them, and a dash
// if there is none.
func peak(f store.Fit) string {
	switch {
	case f.PeakSeen:
		return fixed(f.TPeak, 0)
	case !math.IsNaN(f.TPeak):
		return "later"
	}
	return none
}

// metricRow is a run's last values.
type metricRow struct {
	Arm, Run, Status, HeldOut, Backcopy, Bigram string
	Ratio, Layer, Factor, Sink                  string
	Seed                                        uint64
	Step                                        int
}

func (c *content) readMetrics(db *store.DB, members []store.MemberRun) error {
	for _, m := range members {
		row := metricRow{Arm: m.Member.Arm, Seed: m.Member.Seed, Run: plots.ShortID(m.Run.ID), Status: m.Run.Status,
			Step: m.Run.Step}
		for _, x := range []struct {
			to        *string
			statistic string
		}{{&row.HeldOut, "heldout_loss"}, {&row.Backcopy, "backcopy_risk"}, {&row.Bigram, "bigram_risk"}} {
			ends, err := curves(db, m.Run.ID, derive.Scalar{Site: "run", Statistic: x.statistic, Step: derive.Last})
			if err != nil {
				return err
			}
			*x.to = none
			if len(ends) > 0 {
				*x.to = fixed(ends[0].Values[0], 4)
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

// readActivations reads the ratio in the block where its last value is largest, and the strongest head's attention to
// BOS.
func (row *metricRow) readActivations(db *store.DB, run string) error {
	row.Ratio, row.Layer, row.Factor, row.Sink = none, none, none, none
	ratio := derive.Scalar{Site: ratioSite, Statistic: ratioStatistic, Layers: derive.Each, Step: derive.Last}
	ends, err := curves(db, run, ratio)
	if err != nil {
		return err
	}
	ratio.Step = derive.One(0)
	starts, err := curves(db, run, ratio)
	if err != nil {
		return err
	}
	largest := math.Inf(-1)
	for _, end := range ends {
		v := end.Values[0]
		if !(v > largest) {
			continue
		}
		largest = v
		row.Ratio, row.Layer, row.Factor = fixed(v, 2), strconv.Itoa(end.Layer), none
		for _, start := range starts {
			if start.Layer == end.Layer && start.Values[0] > 0 {
				row.Factor = fixed(v/start.Values[0], 2) + "×"
			}
		}
	}
	sinks, err := curves(db, run, derive.Scalar{Site: "attn.pattern", Statistic: "first_token_attention",
		Heads: derive.Max, Layers: derive.Max, Step: derive.Last})
	if err != nil {
		return err
	}
	if len(sinks) > 0 {
		row.Sink = fixed(sinks[0].Values[0], 3)
	}
	return nil
}

// curves returns a scalar's curves, or none if the run lacks it.
func curves(db *store.DB, run string, s derive.Scalar) ([]derive.Curve, error) {
	all, err := s.Read(db, run)
	var missing *derive.Missing
	if errors.As(err, &missing) {
		return nil, nil
	}
	return all, err
}

const none = "–"

func fixed(v float64, places int) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return none
	}
	return strconv.FormatFloat(v, 'f', places, 64)
}

// number writes four significant digits, or a dash if v is not finite.
func number(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return none
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}
