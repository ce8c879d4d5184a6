package store

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"math"

	"github.com/outcrop-lab/outcrop/plain"
)

// Fit is one family of curves fitted to one series.
//
// N is the number of points. TPeak and RiseTime are in steps; RMSE, FPeak and Steady are in the statistic's unit. Any
// floating-point field or parameter may be NaN, for example if there is no peak or there are too few points. An
// infinite value is read back as NaN. PeakSeen is true if TPeak lies within the range of the data.
//
// Weight is the Akaike weight of the family among all families fitted to the series. Best is true for the family that
// describes the series best. Intervals maps the name of a parameter to the lower and upper ends of its interval; an
// open end is infinite. Undetermined lists the parameters that the data do not determine.
type Fit struct {
	Run, Site, Statistic            string
	Layer, Head, Idx                int
	Family                          string
	Params                          map[string]float64
	N                               int
	R2, AdjR2, AIC, AICc, BIC, RMSE float64
	TPeak, FPeak                    float64
	RiseTime, Steady                float64
	Condition, Weight               float64
	Regime, Message                 string
	Best, PeakSeen                  bool
	Intervals                       map[string][2]float64
	Undetermined                    []string
}

// PutFits stores fits. A fit replaces the stored fit of the same series and family. The runs of the fits must be
// stored.
func (db *DB) PutFits(fits []Fit) error {
	return db.write("putting fits", func(tx *sql.Tx) error {
		put, err := tx.Prepare(`INSERT OR REPLACE INTO fits (run, site, statistic, layer, head, idx, family, params, n,
			r2, adj_r2, aic, aicc, bic, rmse, t_peak, f_peak, regime, message, best,
			weight, peak_seen, rise_time, steady, condition, intervals, undetermined)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
		if err != nil {
			return err
		}
		defer func() { _ = put.Close() }()
		for _, f := range fits {
			run, _, err := runID(tx, f.Run)
			if err != nil {
				return fmt.Errorf("run %s: %w", f.Run, err)
			}
			site, err := nameID(tx, f.Site)
			if err != nil {
				return err
			}
			statistic, err := nameID(tx, f.Statistic)
			if err != nil {
				return err
			}
			params, err := encodeParams(f.Params)
			if err != nil {
				return err
			}
			intervals, undetermined, err := encodeDetermined(f)
			if err != nil {
				return err
			}
			if _, err := put.Exec(run, site, statistic, f.Layer, f.Head, f.Idx, f.Family, params, f.N,
				finite(f.R2), finite(f.AdjR2), finite(f.AIC), finite(f.AICc), finite(f.BIC), finite(f.RMSE),
				finite(f.TPeak), finite(f.FPeak), f.Regime, f.Message, f.Best,
				finite(f.Weight), f.PeakSeen, finite(f.RiseTime), finite(f.Steady), finite(f.Condition), intervals,
				undetermined); err != nil {
				return err
			}
		}
		return nil
	})
}

// Fits returns the selected fits, ordered by run, site, statistic, layer, head, idx and family.
func (db *DB) Fits(s Select) (fits []Fit, err error) {
	where, args := s.where()
	query := `SELECT r.hash, a.name, b.name, t.layer, t.head, t.idx, t.family, t.params, t.n, t.r2, t.adj_r2, t.aic,
		t.aicc, t.bic, t.rmse, t.t_peak, t.f_peak, t.regime, t.message, t.best,
		t.weight, t.peak_seen, t.rise_time, t.steady, t.condition, t.intervals, t.undetermined
		FROM fits t JOIN runs r ON r.id = t.run JOIN names a ON a.id = t.site JOIN names b ON b.id = t.statistic` + where +
		" ORDER BY r.hash, a.name, b.name, t.layer, t.head, t.idx, t.family"
	err = db.read("reading fits", query, args, func(rows *sql.Rows) error {
		var f Fit
		var params, intervals, undetermined string
		var x [12]sql.NullFloat64
		if err := rows.Scan(&f.Run, &f.Site, &f.Statistic, &f.Layer, &f.Head, &f.Idx, &f.Family, &params, &f.N,
			&x[0], &x[1], &x[2], &x[3], &x[4], &x[5], &x[6], &x[7], &f.Regime, &f.Message, &f.Best,
			&x[8], &f.PeakSeen, &x[9], &x[10], &x[11], &intervals, &undetermined); err != nil {
			return err
		}
		for i, to := range []*float64{&f.R2, &f.AdjR2, &f.AIC, &f.AICc, &f.BIC, &f.RMSE, &f.TPeak, &f.FPeak,
			&f.Weight, &f.RiseTime, &f.Steady, &f.Condition} {
			*to = orNaN(x[i])
		}
		if f.Params, err = decodeParams(params); err != nil {
			return fmt.Errorf("%w: the parameters of a fit of run %s: %w", ErrCorrupt, f.Run, err)
		}
		if err := decodeDetermined(&f, intervals, undetermined); err != nil {
			return fmt.Errorf("%w: the intervals of a fit of run %s: %w", ErrCorrupt, f.Run, err)
		}
		fits = append(fits, f)
		return nil
	})
	return fits, err
}

// encodeParams encodes parameters in canonical form: encoding/json sorts a map's keys and prints the shortest number.
// JSON has no NaN and no infinity, so both become null.
func encodeParams(params map[string]float64) (string, error) {
	values := make(map[string]*float64, len(params))
	for name, x := range params {
		values[name] = nil
		if finite(x).Valid {
			values[name] = &x
		}
	}
	text, err := json.Marshal(values)
	return string(text), err
}

func decodeParams(text string) (map[string]float64, error) {
	var values map[string]*float64
	if err := json.Unmarshal([]byte(text), &values); err != nil {
		return nil, plain.JSON([]byte(text), err)
	}
	params := make(map[string]float64, len(values))
	for name, x := range values {
		params[name] = math.NaN()
		if x != nil {
			params[name] = *x
		}
	}
	return params, nil
}

func finite(x float64) sql.NullFloat64 {
	if math.IsInf(x, 0) {
		return sql.NullFloat64{}
	}
	return nullable(x)
}

// encodeDetermined encodes the intervals and the undetermined parameters as JSON.
func encodeDetermined(f Fit) (intervals, undetermined string, err error) {
	ends := make(map[string][2]*float64, len(f.Intervals))
	for name, i := range f.Intervals {
		var pair [2]*float64
		for k, x := range i {
			if finite(x).Valid {
				pair[k] = &x
			}
		}
		ends[name] = pair
	}
	first, err := json.Marshal(ends)
	if err != nil {
		return "", "", err
	}
	second, err := json.Marshal(append([]string{}, f.Undetermined...))
	return string(first), string(second), err
}

func decodeDetermined(f *Fit, intervals, undetermined string) error {
	var ends map[string][2]*float64
	if err := json.Unmarshal([]byte(intervals), &ends); err != nil {
		return plain.JSON([]byte(intervals), err)
	}
	f.Intervals = make(map[string][2]float64, len(ends))
	for name, pair := range ends {
		i := [2]float64{math.Inf(-1), math.Inf(1)}
		for k, x := range pair {
			if x != nil {
				i[k] = *x
			}
		}
		f.Intervals[name] = i
	}
	return plain.JSON([]byte(undetermined), json.Unmarshal([]byte(undetermined), &f.Undetermined))
}
