package results

import (
	"math"
	"slices"

	"github.com/outcrop-lab/outcrop/fit"
	"github.com/outcrop-lab/outcrop/store"
)

// Across sums up the fits of sweeps over seeds, arms and settings. It leaves out the parameters that the data do not
// determine.
type Across struct {
	Summaries   []Summary       `json:"summaries"`
	Comparisons []ArmComparison `json:"comparisons"`
	Scalings    []Scaling       `json:"scalings"`
}

// Summary sums up one quantity of a block of an arm over the arm's seeds.
type Summary struct {
	Sweep    string    `json:"sweep"`
	Arm      string    `json:"arm"`
	Layer    int       `json:"layer"`
	Quantity string    `json:"quantity"`
	N        int       `json:"n"`
	Of       int       `json:"of"`
	Median   Number    `json:"median"`
	Interval [2]Number `json:"interval"`
	Coverage Number    `json:"coverage"`
	Between  Number    `json:"between"`
	Within   Number    `json:"within"`
}

// ArmComparison compares one quantity of a block between an arm and the sweep's first arm.
type ArmComparison struct {
	Sweep      string    `json:"sweep"`
	Arm        string    `json:"arm"`
	Against    string    `json:"against"`
	Layer      int       `json:"layer"`
	Quantity   string    `json:"quantity"`
	N          int       `json:"n"`
	M          int       `json:"m"`
	Difference Number    `json:"difference"`
	Interval   [2]Number `json:"interval"`
	P          Number    `json:"p"`
	Splits     int       `json:"splits"`
}

// Scaling says how a quantity changes with a setting among runs that differ only in this setting and in their seeds.
type Scaling struct {
	Sweep    string    `json:"sweep"`
	Arms     []string  `json:"arms"`
	Factor   string    `json:"factor"`
	Layer    int       `json:"layer"`
	Quantity string    `json:"quantity"`
	N        int       `json:"n"`
	Exponent Number    `json:"exponent"`
	Interval [2]Number `json:"interval"`
	R2       Number    `json:"r2"`
}

// NoneAcross returns an Across whose lists are empty but, as JSON, not null.
func NoneAcross() Across {
	return Across{Summaries: []Summary{}, Comparisons: []ArmComparison{}, Scalings: []Scaling{}}
}

// Quantities lists what is compared across runs: the five parameters of the emergence curve, decay = 1/(lambda gamma),
// and properties of the curve itself.
var Quantities = append(fit.Params("emergence"), "decay", "t_peak", "f_peak", "rise_time", "r2")

// value returns a quantity of the fit; NaN if the data do not determine it.
func (r FitRow) value(quantity string) float64 {
	switch quantity {
	case "t_peak", "f_peak":
		if !r.PeakSeen {
			return math.NaN()
		}
		return float64(map[string]Number{"t_peak": r.TPeak, "f_peak": r.FPeak}[quantity])
	case "decay":
		return float64(r.Decay())
	case "rise_time":
		return float64(r.RiseTime)
	case "r2":
		return float64(r.R2)
	}
	if slices.Contains(r.Undetermined, quantity) {
		return math.NaN()
	}
	return float64(r.Params[quantity])
}

// Add adds the summaries, comparisons and scalings of a sweep's emergence fits. rows are the fits of the sweep.
func (a *Across) Add(db *store.DB, sweep string, rows []FitRow) error {
	rows = slices.DeleteFunc(slices.Clone(rows), func(r FitRow) bool { return r.Family != "emergence" })
	type block struct {
		arm   string
		layer int
	}
	var blocks []block
	of := map[block][]FitRow{}
	for _, r := range rows {
		at := block{r.Arm, r.Layer}
		if of[at] == nil {
			blocks = append(blocks, at)
		}
		of[at] = append(of[at], r)
	}
	for _, at := range blocks {
		for _, q := range Quantities {
			values, own := column(of[at], q)
			s := fit.Summarise(values, own)
			a.Summaries = append(a.Summaries, Summary{sweep, at.arm, at.layer, q, s.N, s.Of, Number(s.Median),
				pair(s.Interval), Number(s.Coverage), Number(s.Between), Number(s.Within)})
			first := block{rows[0].Arm, at.layer}
			if at == first || of[first] == nil {
				continue
			}
			base, _ := column(of[first], q)
			if c, err := fit.Compare(base, values); err == nil { // an arm without a determined value is not compared
				a.Comparisons = append(a.Comparisons, ArmComparison{sweep, at.arm, first.arm, at.layer, q, c.N, c.M,
					Number(c.Difference), pair(c.Interval), Number(c.P), c.Splits})
			}
		}
	}
	return a.addScalings(db, sweep, rows)
}

// column returns one quantity of several fits, with the fits' own intervals.
func column(rows []FitRow, quantity string) (values []float64, own []fit.Interval) {
	for _, r := range rows {
		values = append(values, r.value(quantity))
		i := fit.Interval{Low: math.Inf(-1), High: math.Inf(1)}
		x, ok := r.Intervals[quantity]
		if quantity == "decay" {
			x, ok = r.Intervals["beta"]
			x = [2]Number{1 / x[1], 1 / x[0]}
		}
		if ok && !math.IsNaN(float64(x[0])) && !math.IsNaN(float64(x[1])) {
			i = fit.Interval{Low: float64(x[0]), High: float64(x[1])}
		}
		own = append(own, i)
	}
	return values, own
}

// addScalings looks among the fits of each block for runs that differ in one setting and in their seeds alone.
func (a *Across) addScalings(db *store.DB, sweep string, rows []FitRow) error {
	members, err := db.RunsOf(sweep)
	if err != nil {
		return err
	}
	factors := map[string][]Factor{}
	for _, m := range members {
		if m.Run.Status == store.Planned {
			continue // nothing of it is stored yet
		}
		if factors[m.Run.ID], err = Factors(m.Run); err != nil {
			return err
		}
	}
	type group struct {
		factor, rest string
		layer        int
	}
	type sample struct {
		row   FitRow
		value float64
	}
	var groups []group
	of := map[group][]sample{}
	for _, r := range rows {
		for _, f := range factors[r.Run] {
			g := group{f.Key, f.Rest, r.Layer}
			if of[g] == nil {
				groups = append(groups, g)
			}
			of[g] = append(of[g], sample{r, f.Value})
		}
	}
	for _, g := range groups {
		var x []float64
		var arms []string
		var fits []FitRow
		for _, s := range of[g] {
			x, fits = append(x, s.value), append(fits, s.row)
			if !slices.Contains(arms, s.row.Arm) {
				arms = append(arms, s.row.Arm)
			}
		}
		for _, q := range Quantities {
			values, _ := column(fits, q)
			p, err := fit.Scaling(x, values)
			if err != nil {
				continue // the setting has one value, or a number has no logarithm
			}
			a.Scalings = append(a.Scalings, Scaling{sweep, arms, g.factor, g.layer, q, p.N, Number(p.Exponent),
				pair(p.Interval), Number(p.R2)})
		}
	}
	return nil
}
