package experiments

import (
	"fmt"
	"math"
	"reflect"
	"slices"

	"go.yaml.in/yaml/v4"

	"github.com/outcrop-lab/outcrop/probes"
	"github.com/outcrop-lab/outcrop/store"
	"github.com/outcrop-lab/outcrop/variant"
)

// Stopping ends runs early by their own measured rows, so that a run's end is a function of the run alone, whenever and
// wherever it is trained. It is no part of a run's identity: what was stopped is kept, marked, and goes on where a sweep
// without it asks for more.
type Stopping struct {
	Metric   string  `json:"metric" doc:"what is watched, as it is measured"`
	After    int     `json:"after" doc:"the first step at which a run may be stopped"`
	Above    float64 `json:"above" doc:"stops a run whose metric is above; 0 does not"`
	Below    float64 `json:"below" doc:"stops a run whose metric is below; 0 does not"`
	Patience int     `json:"patience" doc:"stops a run after so many measurements without a new least value; 0 does not"`
	MinDelta float64 `json:"min_delta" doc:"how much less a new least value must be, in the metric's unit"`
	Halving  Halving `json:"halving" doc:"successive halving by the metric, the least first"`
}

// watched are the metrics that a run may be stopped by.
var watched = []string{"backcopy_risk", "bigram_risk", "grad_norm", "heldout_loss", "loss"}

func defaultStopping() Stopping {
	return Stopping{Metric: "heldout_loss", Halving: Halving{MinSteps: 100}}
}

// stopping reads and checks the sweep's `stopping`.
func stopping(d *decoder, n *yaml.Node) *Stopping {
	s, standard := defaultStopping(), defaultStopping()
	before := len(d.faults)
	d.prefix = ""
	d.value(n, reflect.ValueOf(&s).Elem(), reflect.ValueOf(&standard).Elem(), "stopping")
	if len(d.faults) > before {
		return nil
	}
	at := func(key string) *yaml.Node {
		if value := find(n, key); value != nil {
			return value
		}
		return n
	}
	switch {
	case !slices.Contains(watched, s.Metric):
		d.fault(at("metric"), "stopping.metric", "%v", variant.Unknown("metric", s.Metric, watched))
	case s.After < 0:
		d.fault(at("after"), "stopping.after", "must not be negative, is %d", s.After)
	case s.Patience < 0:
		d.fault(at("patience"), "stopping.patience", "must not be negative, is %d", s.Patience)
	case s.MinDelta < 0:
		d.fault(at("min_delta"), "stopping.min_delta", "must not be negative, is %v", s.MinDelta)
	case s.Halving.Eta < 0 || s.Halving.Eta == 1:
		d.fault(at("halving"), "stopping.halving.eta", "must be at least 2, or 0 for none, is %d", s.Halving.Eta)
	case s.Halving.MinSteps < 1:
		d.fault(at("halving"), "stopping.halving.min_steps", "must be at least 1, is %d", s.Halving.MinSteps)
	case s.Above == 0 && s.Below == 0 && s.Patience == 0 && s.Halving.Eta == 0:
		d.fault(n, "stopping", "stops nothing: say above, below, patience or halving.eta")
	}
	return &s
}

// verdict is the first step at which the rule stops a run, by the values of its metric at these steps, which ascend; and
// why. The reason is "" where it goes on. NaN says nothing.
func (s *Stopping) verdict(steps []int, values []float64) (at int, reason string) {
	least, since := math.Inf(1), 0
	for i, step := range steps {
		x := values[i]
		if math.IsNaN(x) {
			continue
		}
		if x < least-s.MinDelta {
			least, since = x, 0
		} else {
			since++
		}
		if step < s.After {
			continue
		}
		switch {
		case s.Above != 0 && x > s.Above:
			return step, fmt.Sprintf("stopping: %s is %.4g at step %d, above %g", s.Metric, x, step, s.Above)
		case s.Below != 0 && x < s.Below:
			return step, fmt.Sprintf("stopping: %s is %.4g at step %d, below %g", s.Metric, x, step, s.Below)
		case s.Patience > 0 && since >= s.Patience:
			return step, fmt.Sprintf("stopping: %s was not below %.4g in the %d measurements up to step %d", s.Metric, least-s.MinDelta, since, step)
		}
	}
	return 0, ""
}

// measured reads what the rule looks at, of a run's rows in a database.
func (s *Stopping) measured(db *store.DB, run string) (steps []int, values []float64, err error) {
	series, err := db.Series(store.Select{Run: run, Site: "run", Statistic: s.Metric})
	if err != nil || len(series) == 0 {
		return nil, nil, err
	}
	return series[0].Steps, series[0].Values, nil
}

// early settles a run that its sweep's rule has stopped: trained past the step of the verdict, and not to its end.
func early(db *store.DB, p Planned, state State) (State, error) {
	if p.Stopping == nil || state.Settled != "" {
		return state, nil
	}
	run, there, err := db.RunByID(p.ID)
	if err != nil || !there || run.Status != store.Stopped {
		return state, err
	}
	steps, values, err := p.Stopping.measured(db, p.ID)
	if err != nil {
		return state, err
	}
	if at, reason := p.Stopping.verdict(steps, values); reason != "" && at < run.Step {
		return State{Settled: store.Stopped}, nil
	}
	return state, nil
}

// watch is the rule at work in a worker: what the run has measured so far, and how it is stopped.
type watch struct {
	rule   *Stopping
	steps  []int
	values []float64
	until  int // the step of the run's next rung; 0 for none
	stop   func()
	reason string
}

// see takes the rows of a step and stops the run where the rule says so. After a resume a step may come again; what was
// measured later than it, before the run was killed, does not count.
func (w *watch) see(step int, rows []probes.Value) {
	i := slices.IndexFunc(rows, func(v probes.Value) bool { return v.Site == "run" && v.Statistic == w.rule.Metric })
	if i < 0 {
		return
	}
	for len(w.steps) > 0 && w.steps[len(w.steps)-1] >= step {
		w.steps, w.values = w.steps[:len(w.steps)-1], w.values[:len(w.values)-1]
	}
	w.steps, w.values = append(w.steps, step), append(w.values, rows[i].Value)
	if _, reason := w.rule.verdict(w.steps, w.values); reason != "" {
		w.reason = reason
		w.stop()
	}
}

func stoppingSchema() *Schema {
	s := defaultStopping()
	schema := schemaOf(field{name: "stopping", value: reflect.ValueOf(&s).Elem(), doc: "a rule that ends runs early, by their own rows"}, "stopping", keyed{})
	schema.Properties["metric"].Enum = []any{nil}
	for _, name := range watched {
		schema.Properties["metric"].Enum = append(schema.Properties["metric"].Enum, name)
	}
	return schema
}
