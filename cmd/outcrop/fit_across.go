package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"

	"github.com/outcrop-lab/outcrop/experiments/results"
	"github.com/outcrop-lab/outcrop/fit"
	"github.com/outcrop-lab/outcrop/store"
)

// across is what a sweep's fits say together, of the parameters that the data determine.
type across struct {
	Summaries   []summaryRow    `json:"summaries"`
	Comparisons []comparisonRow `json:"comparisons"`
	Scalings    []scalingRow    `json:"scalings"`
}

// summaryRow is one quantity of an arm's block over its seeds.
type summaryRow struct {
	Sweep    string    `json:"sweep"`
	Arm      string    `json:"arm"`
	Layer    int       `json:"layer"`
	Quantity string    `json:"quantity"`
	N        int       `json:"n"`
	Of       int       `json:"of"`
	Median   number    `json:"median"`
	Interval [2]number `json:"interval"`
	Coverage number    `json:"coverage"`
	Between  number    `json:"between"`
	Within   number    `json:"within"`
}

// comparisonRow is an arm less the sweep's first one.
type comparisonRow struct {
	Sweep      string    `json:"sweep"`
	Arm        string    `json:"arm"`
	Against    string    `json:"against"`
	Layer      int       `json:"layer"`
	Quantity   string    `json:"quantity"`
	N          int       `json:"n"`
	M          int       `json:"m"`
	Difference number    `json:"difference"`
	Interval   [2]number `json:"interval"`
	P          number    `json:"p"`
	Splits     int       `json:"splits"`
}

// scalingRow is how a quantity grows with a setting, among runs that differ in it and in their seeds alone.
type scalingRow struct {
	Sweep    string    `json:"sweep"`
	Arms     []string  `json:"arms"`
	Factor   string    `json:"factor"`
	Layer    int       `json:"layer"`
	Quantity string    `json:"quantity"`
	N        int       `json:"n"`
	Exponent number    `json:"exponent"`
	Interval [2]number `json:"interval"`
	R2       number    `json:"r2"`
}

func emptyAcross() across {
	return across{Summaries: []summaryRow{}, Comparisons: []comparisonRow{}, Scalings: []scalingRow{}}
}

// quantities are what is compared across runs: the five parameters, decay = 1/(lambda gamma), and what the curve itself says.
var quantities = append(fit.Params("emergence"), "decay", "t_peak", "f_peak", "rise_time", "r2")

// value is NaN where the data do not determine the quantity.
func (r fitRow) value(quantity string) float64 {
	switch quantity {
	case "t_peak", "f_peak":
		if !r.PeakSeen {
			return math.NaN()
		}
		return float64(map[string]number{"t_peak": r.TPeak, "f_peak": r.FPeak}[quantity])
	case "decay":
		return float64(r.decay())
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

// add adds what a sweep's emergence fits say together.
func (a *across) add(db *store.DB, sweep string, rows []fitRow) error {
	rows = slices.DeleteFunc(slices.Clone(rows), func(r fitRow) bool { return r.Family != "emergence" })
	type block struct {
		arm   string
		layer int
	}
	var blocks []block
	of := map[block][]fitRow{}
	for _, r := range rows {
		at := block{r.Arm, r.Layer}
		if of[at] == nil {
			blocks = append(blocks, at)
		}
		of[at] = append(of[at], r)
	}
	for _, at := range blocks {
		for _, q := range quantities {
			values, own := column(of[at], q)
			s := fit.Summarise(values, own)
			a.Summaries = append(a.Summaries, summaryRow{sweep, at.arm, at.layer, q, s.N, s.Of, number(s.Median), pair(s.Interval),
				number(s.Coverage), number(s.Between), number(s.Within)})
			first := block{rows[0].Arm, at.layer}
			if at == first || of[first] == nil {
				continue
			}
			base, _ := column(of[first], q)
			if c, err := fit.Compare(base, values); err == nil { // where an arm has no determined value, there is nothing to compare
				a.Comparisons = append(a.Comparisons, comparisonRow{sweep, at.arm, first.arm, at.layer, q, c.N, c.M, number(c.Difference),
					pair(c.Interval), number(c.P), c.Splits})
			}
		}
	}
	return a.addScalings(db, sweep, rows)
}

// column is one quantity of several fits, with the fits' own intervals.
func column(rows []fitRow, quantity string) (values []float64, own []fit.Interval) {
	for _, r := range rows {
		values = append(values, r.value(quantity))
		i := fit.Interval{Low: math.Inf(-1), High: math.Inf(1)}
		x, ok := r.Intervals[quantity]
		if quantity == "decay" {
			x, ok = r.Intervals["beta"]
			x = [2]number{1 / x[1], 1 / x[0]}
		}
		if ok && !math.IsNaN(float64(x[0])) && !math.IsNaN(float64(x[1])) {
			i = fit.Interval{Low: float64(x[0]), High: float64(x[1])}
		}
		own = append(own, i)
	}
	return values, own
}

func pair(i fit.Interval) [2]number { return [2]number{number(i.Low), number(i.High)} }

// addScalings looks among the fits of each block for runs that differ in one setting and in their seeds alone.
func (a *across) addScalings(db *store.DB, sweep string, rows []fitRow) error {
	members, err := db.RunsOf(sweep)
	if err != nil {
		return err
	}
	factors := map[string][]results.Factor{}
	for _, m := range members {
		if m.Run.Status == store.Planned {
			continue // nothing of it is there yet
		}
		if factors[m.Run.ID], err = results.Factors(m.Run); err != nil {
			return err
		}
	}
	type group struct {
		factor, rest string
		layer        int
	}
	type sample struct {
		row   fitRow
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
		var fits []fitRow
		for _, s := range of[g] {
			x, fits = append(x, s.value), append(fits, s.row)
			if !slices.Contains(arms, s.row.Arm) {
				arms = append(arms, s.row.Arm)
			}
		}
		for _, q := range quantities {
			values, _ := column(fits, q)
			if p, err := fit.Scaling(x, values); err == nil { // one value of the setting, or numbers that have no logarithm
				a.Scalings = append(a.Scalings, scalingRow{sweep, arms, g.factor, g.layer, q, p.N, number(p.Exponent), pair(p.Interval), number(p.R2)})
			}
		}
	}
	return nil
}

// print prints what there is.
func (a *across) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	title := func(text, head string) { _, _ = fmt.Fprintf(w, "\n%s\n%s\n", text, head) }
	begun := false
	for _, r := range a.Summaries {
		if r.Of < 2 || r.N == 0 {
			continue
		}
		if !begun {
			title("Over seeds: the median, an interval that covers it with the probability beside it, the standard deviation\nbetween seeds, and the median half width of the seeds' own intervals.",
				"sweep\tarm\tlayer\tquantity\tseeds\tmedian\tlow\thigh\tcoverage\tbetween\twithin")
			begun = true
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%d of %d\t%.4g\t%.4g\t%.4g\t%.3f\t%s\t%s\n", r.Sweep, r.Arm, r.Layer, r.Quantity, r.N, r.Of,
			float64(r.Median), float64(r.Interval[0]), float64(r.Interval[1]), float64(r.Coverage), show("%.3g", r.Between), show("%.3g", r.Within))
	}
	for i, r := range a.Comparisons {
		if i == 0 {
			title("Arms: the difference of means to the first arm, Welch's 95 % interval, and p of the exact permutation test.",
				"sweep\tarm\tagainst\tlayer\tquantity\tseeds\tdifference\tlow\thigh\tp\tsplits")
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%d, %d\t%.4g\t%s\t%s\t%.3g\t%d\n", r.Sweep, r.Arm, r.Against, r.Layer, r.Quantity, r.M, r.N,
			float64(r.Difference), finite(r.Interval[0]), finite(r.Interval[1]), float64(r.P), r.Splits)
	}
	for i, r := range a.Scalings {
		if i == 0 {
			title("Scaling: quantity = c setting^exponent among runs that differ in the setting and their seeds alone, and its 95 % interval.",
				"sweep\tsetting\tlayer\tquantity\truns\texponent\tlow\thigh\tR^2")
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%d\t%.3f\t%.3f\t%.3f\t%.3f\n", r.Sweep, r.Factor, r.Layer, r.Quantity, r.N, float64(r.Exponent),
			float64(r.Interval[0]), float64(r.Interval[1]), float64(r.R2))
	}
	return w.Flush()
}

func finite(v number) string {
	if math.IsInf(float64(v), 0) {
		return undetermined
	}
	return fmt.Sprintf("%.4g", float64(v))
}
