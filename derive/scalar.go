package derive

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/gonum/stat"

	"github.com/outcrop-lab/outcrop/count"
	"github.com/outcrop-lab/outcrop/fit"
	"github.com/outcrop-lab/outcrop/store"
	"github.com/outcrop-lab/outcrop/variant"
)

// Rule says how to reduce a statistic's values along one dimension: layers, heads, idx or steps. A Rule may also be a
// decimal number, which keeps only the value at that index (see One).
type Rule string

// The rules. For layers, heads and idx, First and Last keep the smallest and the largest index that occurs anywhere in
// the run; for steps, they keep the first and the last step of each curve. Max and Min skip NaN. Median skips all
// values that are not finite. Max, Min and Median return NaN if no value is left. Mean returns NaN if any value is
// NaN. Mean and Median are not allowed for steps.
const (
	Alone  Rule = ""       // only rows without this dimension (index -1); for steps, the same as Each
	Each   Rule = "each"   // all values, not reduced
	Mean   Rule = "mean"   // arithmetic mean
	Median Rule = "median" // middle value, or the mean of the two in the middle
	Max    Rule = "max"    // largest value
	Min    Rule = "min"    // smallest value
	First  Rule = "first"
	Last   Rule = "last"
)

// One returns the rule that keeps only index i of its dimension: layer i, head i, idx i or step i.
func One(i int) Rule { return Rule(strconv.Itoa(i)) }

// MarshalJSON encodes One(3) as the number 3, and the named rules as strings.
func (r Rule) MarshalJSON() ([]byte, error) {
	if _, err := strconv.Atoi(string(r)); err == nil {
		return []byte(r), nil
	}
	return json.Marshal(string(r))
}

// UnmarshalJSON accepts a number or a string.
func (r *Rule) UnmarshalJSON(text []byte) error {
	var i int
	if json.Unmarshal(text, &i) == nil {
		*r = One(i)
		return nil
	}
	return json.Unmarshal(text, (*string)(r))
}

// Scalar defines a number that describes a run: a statistic at a site, reduced at each step over idx, then heads, then
// layers, and finally over steps. If all rules are "", the Scalar is a metric of the run, such as the loss, at each
// step. An example in JSON is {"site": "attn.pattern", "statistic": "sink_rate", "heads": "mean", "layers": "max",
// "step": "last"}.
type Scalar struct {
	Site      string `json:"site"`
	Statistic string `json:"statistic"`
	Idx       Rule   `json:"idx,omitempty"`
	Heads     Rule   `json:"heads,omitempty"`
	Layers    Rule   `json:"layers,omitempty"`
	// Step is Alone, Each, First, Last, One(step), Max or Min. Max and Min keep the largest and the smallest value over
	// steps, at the first step that has this value.
	Step Rule `json:"step,omitempty"`
}

// Curve is one of the series into which a Scalar reduces a run's rows. Layer, Head or Idx is -1 if the Scalar reduces
// that dimension or the statistic does not have it. Steps is ascending. Values[i] was measured after Steps[i] updates
// and may be NaN.
type Curve struct {
	Layer, Head, Idx int
	Steps            []int
	Values           []float64
}

// Missing is the error returned if a run has no value of a Scalar.
type Missing struct {
	Run    string
	Scalar Scalar
	Why    string
}

// Error says which run has no value of the Scalar, and why.
func (e *Missing) Error() string {
	return fmt.Sprintf("run %s: %s: %s", store.Short(e.Run), e.Scalar, e.Why)
}

// String describes the Scalar in words, for example "max over layers of mean over heads of sink_rate at attn.pattern,
// last step".
func (s Scalar) String() string {
	of, kept := "", ""
	for _, d := range s.dimensions() {
		switch i, err := strconv.Atoi(string(d.rule)); {
		case err == nil:
			kept += fmt.Sprintf(", %s %d", strings.TrimSuffix(d.name, "s"), i)
		case d.rule == Each:
			kept += ", each " + strings.TrimSuffix(d.name, "s")
		case d.rule == First || d.rule == Last:
			kept += fmt.Sprintf(", %s %s", d.rule, strings.TrimSuffix(d.name, "s"))
		case d.rule != Alone:
			of = fmt.Sprintf("%s over %s of %s", d.rule, d.name, of)
		}
	}
	switch i, err := strconv.Atoi(string(s.Step)); {
	case err == nil:
		kept += fmt.Sprintf(", step %d", i)
	case s.Step == Max || s.Step == Min:
		of = fmt.Sprintf("%s over steps of %s", s.Step, of)
	case s.Step == First || s.Step == Last:
		kept += fmt.Sprintf(", %s step", s.Step)
	}
	return of + s.Statistic + " at " + s.Site + kept
}

// Check returns an error if the site or the statistic is empty, or if a rule is unknown or not allowed for its
// dimension.
func (s Scalar) Check() error {
	if s.Site == "" || s.Statistic == "" {
		return errors.New("derive: a scalar needs a site and a statistic")
	}
	known := []string{string(Each), string(First), string(Last), string(Max), string(Mean), string(Median), string(Min)}
	all := append(s.dimensions(), dimension{name: "step", rule: s.Step})
	for _, d := range all {
		if d.name == "step" {
			known = slices.DeleteFunc(known, func(name string) bool { return name == string(Mean) || name == string(Median) })
		}
		if i, err := strconv.Atoi(string(d.rule)); err == nil && i >= 0 || d.rule == Alone {
			continue
		}
		if !slices.Contains(known, string(d.rule)) {
			return fmt.Errorf("derive: %s: %w", d.name, variant.Unknown("rule", string(d.rule), known))
		}
	}
	return nil
}

// Read returns the curves to which the Scalar reduces a run's rows. If there are no curves, Read returns a *Missing
// that says why.
func (s Scalar) Read(db *store.DB, run string) ([]Curve, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	rows, _, err := Rows(db, run, Need{s.Site, s.Statistic})
	if err != nil {
		return nil, err
	}
	curves := s.Of(rows)
	if len(curves) == 0 {
		return nil, &Missing{run, s, s.lacking(rows)}
	}
	return curves, nil
}

// Value returns the number that the Scalar defines for a run, and the step of that number. It returns an error if the
// Scalar leaves more than one number, and a *Missing if the run has none.
func (s Scalar) Value(db *store.DB, run string) (value float64, step int, err error) {
	curves, err := s.Read(db, run)
	if err != nil {
		return math.NaN(), -1, err
	}
	if len(curves) > 1 || len(curves[0].Steps) > 1 {
		return math.NaN(), -1, fmt.Errorf("derive: %s is not one number: %s of %s", s, count.Of(len(curves), "curve"),
			count.Of(len(curves[0].Steps), "step"))
	}
	return curves[0].Values[0], curves[0].Steps[0], nil
}

// Of reduces the rows of one run to the Scalar's curves, sorted by layer, head and idx. It skips rows of other sites
// and other statistics.
func (s Scalar) Of(rows []Row) []Curve {
	rows = pick(rows, s.Site, s.Statistic)
	for _, d := range s.dimensions() {
		rows = d.reduce(rows)
	}
	slices.SortStableFunc(rows, func(a, b Row) int {
		return cmp.Or(a.Layer-b.Layer, a.Head-b.Head, a.Idx-b.Idx, a.Step-b.Step)
	})
	var curves []Curve
	for _, r := range rows {
		n := len(curves) - 1
		if n < 0 || curves[n].Layer != r.Layer || curves[n].Head != r.Head || curves[n].Idx != r.Idx {
			curves, n = append(curves, Curve{Layer: r.Layer, Head: r.Head, Idx: r.Idx}), n+1
		}
		curves[n].Steps, curves[n].Values = append(curves[n].Steps, r.Step), append(curves[n].Values, r.Value)
	}
	kept := curves[:0]
	for _, c := range curves {
		if i := c.at(s.Step); i >= 0 {
			c.Steps, c.Values = c.Steps[i:i+1], c.Values[i:i+1]
		} else if s.Step != Each && s.Step != Alone {
			continue
		}
		kept = append(kept, c)
	}
	return kept
}

// at returns the index of the step that a rule keeps. It is negative if the rule keeps all steps or the curve lacks the
// step.
func (c Curve) at(rule Rule) int {
	switch rule {
	case Each, Alone:
		return -1
	case First:
		return 0
	case Last:
		return len(c.Steps) - 1
	case Max, Min:
		best := 0
		for i, v := range c.Values {
			if old := c.Values[best]; math.IsNaN(old) || rule == Max && v > old || rule == Min && v < old {
				best = i
			}
		}
		return best
	}
	step, _ := strconv.Atoi(string(rule))
	return slices.Index(c.Steps, step)
}

// dimension is one of the three dimensions along which a statistic may have several values at one step.
type dimension struct {
	name string
	rule Rule
	of   func(r *Row) *int
}

// dimensions returns the dimensions in the order in which they are reduced.
func (s Scalar) dimensions() []dimension {
	return []dimension{
		{"idx", s.Idx, func(r *Row) *int { return &r.Idx }},
		{"heads", s.Heads, func(r *Row) *int { return &r.Head }},
		{"layers", s.Layers, func(r *Row) *int { return &r.Layer }},
	}
}

// reduce applies the rule to rows that differ only in this dimension.
func (d dimension) reduce(rows []Row) []Row {
	if d.rule == Each || len(rows) == 0 {
		return rows
	}
	if f, ok := reductions[d.rule]; ok {
		return d.fold(rows, f)
	}
	want := -1
	switch d.rule {
	case Alone:
	case First, Last:
		want = *d.of(&rows[0])
		for _, r := range rows {
			if d.rule == First {
				want = min(want, *d.of(&r))
			} else {
				want = max(want, *d.of(&r))
			}
		}
	default:
		want, _ = strconv.Atoi(string(d.rule))
	}
	return slices.DeleteFunc(slices.Clone(rows), func(r Row) bool { return *d.of(&r) != want })
}

// reductions are the rules that reduce several values to one.
var reductions = map[Rule]func(values []float64) float64{
	Mean:   func(values []float64) float64 { return stat.Mean(values, nil) },
	Median: fit.Median,
	Max: func(values []float64) float64 {
		return extremum(values, func(v, old float64) bool { return v > old })
	},
	Min: func(values []float64) float64 {
		return extremum(values, func(v, old float64) bool { return v < old })
	},
}

// extremum returns the best value. It skips NaN.
func extremum(values []float64, better func(v, old float64) bool) float64 {
	best := math.NaN()
	for _, v := range values {
		if math.IsNaN(best) || better(v, best) {
			best = v
		}
	}
	return best
}

// fold combines rows that differ only in this dimension into one row whose index is -1.
func (d dimension) fold(rows []Row, f func(values []float64) float64) []Row {
	type place struct{ step, layer, head, idx int }
	at := map[place]int{}
	var folded []Row
	var values [][]float64
	for _, r := range rows {
		v := r.Value
		*d.of(&r) = -1
		key := place{r.Step, r.Layer, r.Head, r.Idx}
		i, ok := at[key]
		if !ok {
			i = len(folded)
			at[key] = i
			folded, values = append(folded, r), append(values, nil)
		}
		values[i] = append(values[i], v)
	}
	for i := range folded {
		folded[i].Value = f(values[i])
	}
	return folded
}

// lacking returns the reason why rows give no curve: there are none, none has the index or step that a rule keeps, or
// they have another shape.
func (s Scalar) lacking(rows []Row) string {
	if len(rows) == 0 {
		return "not measured"
	}
	for _, d := range s.dimensions() {
		next := d.reduce(rows)
		if len(next) > 0 {
			rows = next
			continue
		}
		low, high := math.MaxInt, math.MinInt
		for _, r := range rows {
			low, high = min(low, *d.of(&r)), max(high, *d.of(&r))
		}
		if d.rule == Alone {
			return fmt.Sprintf("has %s %d to %d, and no rule for them", d.name, low, high)
		}
		if high < 0 {
			return fmt.Sprintf("has no %s to choose %s of", d.name, d.rule)
		}
		return fmt.Sprintf("has %s %d to %d, not %s", d.name, low, high, d.rule)
	}
	return fmt.Sprintf("not measured at step %s", s.Step)
}
