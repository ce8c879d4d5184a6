// Package stopping ends runs early, depending on the values that they measure. It has a rule for a single run, and
// successive halving among many runs.
package stopping

import (
	"fmt"
	"math"
	"slices"

	"github.com/outcrop-lab/outcrop/count"
	"github.com/outcrop-lab/outcrop/variant"
)

// Rule stops a run because of values in the run's own rows. The step at which the rule stops a run therefore depends on
// the run alone, not on when or where the run is trained. A rule is not part of a run's identity: a stopped run is kept
// and marked as stopped, and it goes on if a sweep without the rule needs more of its steps.
type Rule struct {
	Metric   string  `json:"metric" doc:"the metric to watch, as it is measured"`
	After    int     `json:"after" max:"2^53" doc:"the first step at which a run may be stopped"`
	Above    float64 `json:"above" doc:"stops a run whose metric is above this value; 0 stops none"`
	Below    float64 `json:"below" doc:"stops a run whose metric is below this value; 0 stops none"`
	Patience int     `json:"patience" max:"2^53" doc:"stops a run after this many values without a new minimum; 0 stops none"`
	MinDelta float64 `json:"min_delta" doc:"by how much a new minimum must be less, in the metric's unit"`
	Halving  Halving `json:"halving" doc:"successive halving by the metric, the least first"`
}

// Halving is ASHA in its promotion form (arXiv 1810.05934). Every run is trained to the first rung. Of the runs that
// have reached a rung, the best 1 in eta go on to the next rung, which lies at eta times as many steps. A run goes on
// as soon as it is known to be among the best. Halving departs from the paper in one point: a run waits at its rung
// with its checkpoint. When it goes on from there, its results are bit for bit those of a run that never waited.
type Halving struct {
	Eta      int `json:"eta" max:"2^53" doc:"one run in this many goes on from a rung; 0 lets every run go on"`
	MinSteps int `json:"min_steps" max:"2^53" doc:"the step of the first rung; each further rung lies eta times as far"`
}

// Metrics lists the metrics of a run that a rule may watch.
var Metrics = []string{"backcopy_risk", "bigram_risk", "grad_norm", "heldout_loss", "loss"}

// Default returns the rule that a sweep's settings are merged onto. The rule stops no run.
func Default() Rule {
	return Rule{Metric: "heldout_loss", Halving: Halving{MinSteps: 100}}
}

// Validate returns a *variant.Error if the rule has a fault. The error's key is the key at fault, without the prefix
// "stopping.". It is "" if the fault is that the rule stops no run.
func (r *Rule) Validate() error {
	if err := variant.CheckLargest(r); err != nil {
		return err
	}
	switch {
	case !slices.Contains(Metrics, r.Metric):
		return variant.Errorf("metric", "%v", variant.Unknown("metric", r.Metric, Metrics))
	case r.After < 0:
		return variant.Errorf("after", "must not be negative, is %d", r.After)
	case r.Patience < 0:
		return variant.Errorf("patience", "must not be negative, is %d", r.Patience)
	case r.MinDelta < 0:
		return variant.Errorf("min_delta", "must not be negative, is %v", r.MinDelta)
	case r.Halving.Eta < 0 || r.Halving.Eta == 1:
		return variant.Errorf("halving.eta", "must be at least 2, or 0 for none, is %d", r.Halving.Eta)
	case r.Halving.MinSteps < 1:
		return variant.Errorf("halving.min_steps", "must be at least 1, is %d", r.Halving.MinSteps)
	case r.Above == 0 && r.Below == 0 && r.Patience == 0 && r.Halving.Eta == 0:
		return variant.Errorf("", "stops nothing: set above, below, patience or halving.eta")
	}
	return nil
}

// Verdict returns the first step at which the rule stops a run, and the reason. steps are in ascending order; values
// holds the run's value of the rule's metric at each of steps. reason is "" if the rule does not stop the run. Verdict
// ignores values that are NaN.
func (r *Rule) Verdict(steps []int, values []float64) (at int, reason string) {
	least, since := math.Inf(1), 0
	for i, step := range steps {
		x := values[i]
		if math.IsNaN(x) {
			continue
		}
		if x < least-r.MinDelta {
			least, since = x, 0
		} else {
			since++
		}
		if step < r.After {
			continue
		}
		switch {
		case r.Above != 0 && x > r.Above:
			return step, fmt.Sprintf("stopping: %s is %.4g at step %d, above %g", r.Metric, x, step, r.Above)
		case r.Below != 0 && x < r.Below:
			return step, fmt.Sprintf("stopping: %s is %.4g at step %d, below %g", r.Metric, x, step, r.Below)
		case r.Patience > 0 && since >= r.Patience:
			return step, fmt.Sprintf("stopping: %s was not below %.4g in the %s up to step %d",
				r.Metric, least-r.MinDelta, count.Of(since, "measurement"), step)
		}
	}
	return 0, ""
}

// Rungs returns the steps of the rungs if the longest run ends at step last. Every rung lies before step last.
func (h Halving) Rungs(last int) (steps []int) {
	for step := h.MinSteps; h.Eta > 1 && step < last; step *= h.Eta {
		steps = append(steps, step)
		if step > last/h.Eta { // the next product may overflow
			break
		}
	}
	return steps
}

// Watch applies a rule to a run while it trains.
type Watch struct {
	Rule *Rule
	// Values holds the values of the metric that the run has measured so far, and Steps holds the step of each value.
	Steps  []int
	Values []float64
	// Until is the step of the run's next rung; 0 if there is none.
	Until int
	// Stop ends the run after the current step.
	Stop func()
	// Reason says why the rule stopped the run; "" if it did not.
	Reason string
}

// See adds the metric's value at a step, and calls Stop if the rule stops the run. A resumed run may measure a step
// again that it measured before it was killed. The new value then replaces the old values of this step and of all later
// steps.
func (w *Watch) See(step int, value float64) {
	for len(w.Steps) > 0 && w.Steps[len(w.Steps)-1] >= step {
		w.Steps, w.Values = w.Steps[:len(w.Steps)-1], w.Values[:len(w.Values)-1]
	}
	w.Steps, w.Values = append(w.Steps, step), append(w.Values, value)
	if _, reason := w.Rule.Verdict(w.Steps, w.Values); reason != "" {
		w.Reason = reason
		w.Stop()
	}
}
