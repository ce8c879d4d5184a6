// Package stopping ends runs early by their own measured values: a rule for one run, and successive halving among many.
package stopping

import (
	"fmt"
	"math"
	"slices"

	"github.com/outcrop-lab/outcrop/variant"
)

// Rule ends a run by the run's own rows, so that the step at which a run ends depends on the run alone, whenever and
// wherever it is trained. A rule is not part of a run's identity: a stopped run is kept and marked, and goes on if a
// sweep without the rule asks for more.
type Rule struct {
	Metric   string  `json:"metric" doc:"the metric to watch, as it is measured"`
	After    int     `json:"after" doc:"the first step at which a run may be stopped"`
	Above    float64 `json:"above" doc:"stops a run whose metric is above this value; 0 stops none"`
	Below    float64 `json:"below" doc:"stops a run whose metric is below this value; 0 stops none"`
	Patience int     `json:"patience" doc:"stops a run after this many measurements without a new minimum; 0 stops none"`
	MinDelta float64 `json:"min_delta" doc:"by how much a new minimum must be less, in the metric's unit"`
	Halving  Halving `json:"halving" doc:"successive halving by the metric, the least first"`
}

// Halving is ASHA in its promotion form (arXiv 1810.05934). Every run is trained to the first rung. Of the runs that
// reached a rung, the best 1 in eta go on to the next, eta times as far, as soon as they are known to be among the
// best. It departs from the paper in one point: a run waits at its rung with its checkpoint, and goes on from there to
// the same bits.
type Halving struct {
	Eta      int `json:"eta" doc:"one run in this many goes on from a rung; 0 lets every run go on"`
	MinSteps int `json:"min_steps" doc:"the step of the first rung; each further rung lies eta times as far"`
}

// Metrics are the metrics of a run that a rule may watch.
var Metrics = []string{"backcopy_risk", "bigram_risk", "grad_norm", "heldout_loss", "loss"}

// Default returns the rule that a sweep's settings are merged onto. It stops nothing.
func Default() Rule {
	return Rule{Metric: "heldout_loss", Halving: Halving{MinSteps: 100}}
}

// Validate returns a *variant.Error at the key at fault, written without "stopping." in front. The key is "" for a rule
// that stops nothing.
func (r *Rule) Validate() error {
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

// Verdict returns the first step at which the rule stops a run, and why. values are the run's values of the rule's
// metric at steps, which ascend. The reason is "" if the run goes on. NaN values are ignored.
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
			return step, fmt.Sprintf("stopping: %s was not below %.4g in the %d measurements up to step %d",
				r.Metric, least-r.MinDelta, since, step)
		}
	}
	return 0, ""
}

// Rungs returns the steps at which runs wait if the longest run ends at step last. Every rung lies before it.
func (h Halving) Rungs(last int) (steps []int) {
	for step := h.MinSteps; h.Eta > 1 && step < last; step *= h.Eta {
		steps = append(steps, step)
	}
	return steps
}

// Watch applies a rule to a run while it trains.
type Watch struct {
	Rule *Rule
	// Steps and Values are the values of the metric that the run has measured so far.
	Steps  []int
	Values []float64
	// Until is the step of the run's next rung; 0 if there is none.
	Until int
	// Stop ends the run after the current step.
	Stop func()
	// Reason says why the rule stopped the run; "" if it did not.
	Reason string
}

// See adds the metric's value at a step, and stops the run if the rule says so. After a resume a step may come again;
// it replaces the values of that step and of later ones, which were measured before the run was killed.
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
