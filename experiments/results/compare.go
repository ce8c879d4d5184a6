package results

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"

	"github.com/outcrop-lab/outcrop/count"
	"github.com/outcrop-lab/outcrop/derive"
	"github.com/outcrop-lab/outcrop/fit"
	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/store"
	"github.com/outcrop-lab/outcrop/variant"
)

// Compared is one column of a comparison: runs that differ only in their seed.
type Compared struct {
	Name string
	Runs []store.Run // by seed
	// Settings are the settings of the configuration except the seed, and what else belongs to a run's identity.
	Settings []settings.Setting
	// Kept holds the indices in Runs of the runs whose values count.
	Kept []int
}

// Aggregate sums up a metric over the runs of a column, or the metric's difference from the first column over the seeds
// that both columns have.
type Aggregate struct {
	Column string
	Metric string
	// Layer is the layer, or -1 for a metric of the run as a whole.
	Layer int
	// Steps are the first and the last of the steps at which the runs' values were measured; both are -1 if there are
	// no values.
	Steps [2]int
	// Values holds one value per seed; NaN if the seed's run has no value.
	Values       []float64
	N            int
	Mean, Median float64
	// Interval is the 95 % interval of the mean, by Student's t; NaN for fewer than two values.
	Interval fit.Interval
}

// Comparison shows in what two or more columns differ.
type Comparison struct {
	Columns []Compared
	// Differing lists the keys whose values differ between the columns, in the order of CompareOptions.Keys.
	// Values[i][j] is the value of Differing[i] in column j, or nil if the configuration of that column lacks the key.
	Differing []string
	Values    [][]any
	Metrics   []Aggregate
	// Differences are the differences of each further column from the first, paired by seed. Runs of the same seed
	// share their batches and the initial values of equal parameters, so the interval of a paired difference is usually
	// narrower than that of either column.
	Differences []Aggregate
	Notes       []string
}

// CompareOptions say what to compare.
type CompareOptions struct {
	// Names are the names of runs, arms or sweeps, in the forms that Find accepts. Each arm of a named sweep is a
	// column.
	Names []string
	// Metrics are names of the run's metrics, or SITE/STATISTIC, of which each layer is compared separately: by the mean
	// over its heads of the median over its idx, if it has these. An empty list stands for all of the run's metrics.
	Metrics []string
	// Step is the step at which runs are compared. A negative Step stands for each run's last step; in a column of
	// several seeds, only the runs that are done then count.
	Step int
	// Keys lists keys of a configuration in the order in which they are shown. Keys that are not in the list come last.
	Keys []string
	// Files lists the keys that name files. The digest of the data stands for them: runs that differ in nothing else are
	// alike.
	Files []string
}

// Compare compares columns of runs. It reads only the database. It returns a *settings.InputError if a name stands for
// nothing, if a metric was never measured, or if there is only one column.
func Compare(db *store.DB, o CompareOptions) (c Comparison, err error) {
	if c.Columns, err = columnsOf(db, o); err != nil {
		return c, err
	}
	for i := range c.Columns {
		c.Notes = append(c.Notes, c.Columns[i].keep(o.Step)...)
	}
	if len(c.Columns) < 2 {
		return c, settings.Refuse(settings.Fault{File: strings.Join(o.Names, " "),
			Message: "is one thing: name two runs or arms, or a sweep of two arms at least that are trained"})
	}
	c.keys()
	metrics := o.Metrics
	if len(metrics) == 0 {
		if metrics, err = runMetrics(db, c.Columns); err != nil {
			return c, err
		}
	}
	for _, metric := range metrics {
		if err := c.metric(db, metric, o.Step); err != nil {
			return c, err
		}
	}
	return c, nil
}

// columnsOf makes a column of each run and of each arm, more than one where an arm has runs that differ in more than
// the seed.
func columnsOf(db *store.DB, o CompareOptions) (columns []Compared, err error) {
	for _, name := range o.Names {
		t, err := Find(db, name)
		if err != nil {
			return nil, err
		}
		if t.One {
			at := len(columns)
			if columns, err = addRun(columns, at, name, t.Runs[0].Run, o); err != nil {
				return nil, err
			}
			continue
		}
		from, arm := len(columns), ""
		for _, m := range t.Runs {
			if m.Run.Config == "" {
				continue // planned, and no more
			}
			if m.Member.Arm != arm {
				from, arm = len(columns), m.Member.Arm
			}
			label := arm
			if len(o.Names) > 1 {
				label = t.Sweep + "/" + arm
			}
			if columns, err = addRun(columns, from, label, m.Run, o); err != nil {
				return nil, err
			}
		}
	}
	return columns, nil
}

// addRun puts a run into the column, of those since from, that has its configuration, or into a new one.
func addRun(columns []Compared, from int, name string, r store.Run, o CompareOptions) ([]Compared, error) {
	if r.Config == "" {
		return nil, badName("run %s is planned, not trained yet", store.Short(r.ID))
	}
	list, err := seedless(r)
	if err != nil {
		return nil, err
	}
	settings.Arrange(list, o.Keys)
	for i := from; i < len(columns); i++ {
		if reflect.DeepEqual(o.content(columns[i].Settings), o.content(list)) {
			if !slices.ContainsFunc(columns[i].Runs, func(had store.Run) bool { return had.Seed == r.Seed }) {
				columns[i].Runs = append(columns[i].Runs, r) // a seed counts once, even under two ids
			}
			return columns, nil
		}
	}
	if from < len(columns) { // an arm of several configurations: say which
		name += " " + joined(lacking(columns[from].Settings, list))
	}
	return append(columns, Compared{Name: name, Runs: []store.Run{r}, Settings: list}), nil
}

// seedless lists the settings of a stored run's configuration except the seed, and what else belongs to its identity.
func seedless(r store.Run) ([]settings.Setting, error) {
	list, err := settings.Parse(r.Config)
	if err != nil {
		return nil, fmt.Errorf("results: run %s: %w", store.Short(r.ID), err)
	}
	list = slices.DeleteFunc(list, func(s settings.Setting) bool { return s.Key == "seed" })
	return append(list, settings.Setting{Key: "data_digest", Value: r.DataDigest},
		settings.Setting{Key: "device", Value: r.Device},
		settings.Setting{Key: "trainer_version", Value: int64(r.TrainerVersion)}), nil
}

// content returns settings without those that name files.
func (o CompareOptions) content(list []settings.Setting) []settings.Setting {
	return slices.DeleteFunc(slices.Clone(list), func(s settings.Setting) bool { return slices.Contains(o.Files, s.Key) })
}

// keep chooses the runs whose values count.
func (c *Compared) keep(step int) (notes []string) {
	states := map[string]int{}
	for i, r := range c.Runs {
		if step < 0 && len(c.Runs) > 1 && r.Status != store.Done {
			states[r.Status]++
			continue
		}
		c.Kept = append(c.Kept, i)
	}
	for state, n := range states {
		notes = append(notes, fmt.Sprintf("%s: %d of %s left out, which %s %s", c.Name, n,
			count.Of(len(c.Runs), "run"), count.Agree(n, "is", "are"), state))
	}
	slices.Sort(notes)
	return notes
}

// keys fills Differing and Values.
func (c *Comparison) keys() {
	var order []string
	values := make([]map[string]any, len(c.Columns))
	for j, column := range c.Columns {
		values[j] = map[string]any{}
		for _, s := range column.Settings {
			values[j][s.Key] = s.Value
			if !slices.Contains(order, s.Key) {
				order = append(order, s.Key)
			}
		}
	}
	for _, key := range order {
		row, differ := make([]any, len(values)), false
		for j := range values {
			row[j] = values[j][key]
			differ = differ || !reflect.DeepEqual(row[j], row[0])
		}
		if differ {
			c.Differing, c.Values = append(c.Differing, key), append(c.Values, row)
		}
	}
}

// runMetrics lists the metrics that any of the runs has, less the learning rate, which is set and not measured.
func runMetrics(db *store.DB, columns []Compared) (names []string, err error) {
	for _, column := range columns {
		last, err := db.LastMetrics(column.Runs[0].ID)
		if err != nil {
			return nil, err
		}
		for _, m := range last {
			if m.Statistic != "lr" && !slices.Contains(names, m.Statistic) {
				names = append(names, m.Statistic)
			}
		}
	}
	slices.Sort(names)
	return names, nil
}

// reading is where a series stands at the step that is compared.
type reading struct {
	step  int
	value float64
}

// metric adds the aggregates of one metric, a layer at a time.
func (c *Comparison) metric(db *store.DB, metric string, step int) error {
	site, statistic, ofSite := strings.Cut(metric, "/")
	if !ofSite {
		site, statistic = "run", metric
	}
	scalar := derive.Scalar{Site: site, Statistic: statistic, Layers: derive.Each, Step: derive.Last}
	if step >= 0 {
		scalar.Step = derive.One(step)
	}
	points, layers, err := c.read(db, scalar)
	if err == nil && layers == nil {
		scalar.Heads, scalar.Idx = derive.Mean, derive.Median
		if points, layers, err = c.read(db, scalar); layers != nil {
			c.Notes = append(c.Notes, metric+": the median over idx (sequences, channels …), then the mean over heads")
		}
	}
	if err != nil {
		return err
	}
	if layers == nil {
		return c.unmeasured(db, metric, step)
	}
	slices.Sort(layers)
	for _, layer := range layers {
		for j, column := range c.Columns {
			c.Metrics = append(c.Metrics, aggregate(column.Name, metric, layer, column.Kept, points[j]))
		}
		for j, column := range c.Columns[1:] {
			if d, ok := c.paired(column, metric, layer, points[0], points[j+1]); ok {
				c.Differences = append(c.Differences, d)
			}
		}
	}
	return nil
}

// read reads where the scalar stands, by column, run and layer, and lists the layers.
func (c *Comparison) read(db *store.DB, scalar derive.Scalar) (points [][]map[int]reading, layers []int, err error) {
	points = make([][]map[int]reading, len(c.Columns))
	for j, column := range c.Columns {
		points[j] = make([]map[int]reading, len(column.Runs))
		for _, i := range column.Kept {
			curves, err := scalar.Read(db, column.Runs[i].ID)
			if missing := new(derive.Missing); err != nil && !errors.As(err, &missing) {
				return nil, nil, err
			}
			points[j][i] = map[int]reading{}
			for _, curve := range curves {
				points[j][i][curve.Layer] = reading{curve.Steps[0], curve.Values[0]}
				if !slices.Contains(layers, curve.Layer) {
					layers = append(layers, curve.Layer)
				}
			}
		}
	}
	return points, layers, nil
}

func aggregate(column, metric string, layer int, kept []int, points []map[int]reading) Aggregate {
	a := Aggregate{Column: column, Metric: metric, Layer: layer, Steps: [2]int{-1, -1}, Values: []float64{}}
	for _, i := range kept {
		p, measured := points[i][layer]
		if !measured {
			p.value = math.NaN()
		} else {
			a.span(p.step)
		}
		a.Values = append(a.Values, p.value)
	}
	a.Mean, a.Interval, a.N = fit.Mean(a.Values)
	a.Median = fit.Median(a.Values)
	return a
}

// span takes a step into Steps.
func (a *Aggregate) span(step int) {
	if a.Steps[0] < 0 {
		a.Steps = [2]int{step, step}
	}
	a.Steps = [2]int{min(a.Steps[0], step), max(a.Steps[1], step)}
}

// paired is a column less the first one, over the seeds of both whose values are of one step.
func (c *Comparison) paired(column Compared, metric string, layer int, first, other []map[int]reading) (Aggregate,
	bool) {
	a := Aggregate{Column: column.Name, Metric: metric, Layer: layer, Steps: [2]int{-1, -1}, Values: []float64{}}
	for _, i := range c.Columns[0].Kept {
		for _, k := range column.Kept {
			p, one := first[i][layer]
			q, two := other[k][layer]
			if c.Columns[0].Runs[i].Seed == column.Runs[k].Seed && one && two && p.step == q.step {
				a.Values = append(a.Values, q.value-p.value)
				a.span(p.step)
			}
		}
	}
	a.Mean, a.Interval, a.N = fit.Mean(a.Values)
	a.Median = fit.Median(a.Values)
	return a, a.N > 0
}

// unmeasured is the fault of a metric that none of the runs has.
func (c *Comparison) unmeasured(db *store.DB, metric string, step int) error {
	var known []string
	for _, column := range c.Columns {
		for _, r := range column.Runs {
			measured, err := db.Measured(r.ID)
			if err != nil {
				return err
			}
			for _, name := range measured {
				known = append(known, strings.TrimPrefix(name, "run/"))
			}
		}
	}
	slices.Sort(known)
	known = slices.Compact(known)
	if slices.Contains(known, strings.TrimPrefix(metric, "run/")) {
		note := metric + ": measured by none of the runs that count"
		if step >= 0 {
			note += fmt.Sprintf(" at step %d", step)
		}
		c.Notes = append(c.Notes, note)
		return nil
	}
	return settings.Refuse(settings.Fault{File: "--metrics", Message: variant.Unknown("metric", metric, known).Error()})
}

// joined writes settings as one text.
func joined(list []settings.Setting) string {
	parts := make([]string, len(list))
	for i, s := range list {
		parts[i] = s.String()
	}
	return strings.Join(parts, ", ")
}

// lacking lists the settings that the first list has not, or has otherwise.
func lacking(first, list []settings.Setting) (out []settings.Setting) {
	for _, s := range list {
		if !slices.ContainsFunc(first, func(f settings.Setting) bool {
			return f.Key == s.Key &&
				reflect.DeepEqual(f.Value, s.Value)
		}) {
			out = append(out, s)
		}
	}
	return out
}
