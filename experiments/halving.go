package experiments

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/outcrop-lab/outcrop/store"
)

// Halving is ASHA in its promotion form (arXiv 1810.05934): every run is trained to the first rung, and of those that have
// come to a rung the best 1 in eta go on to the next, eta times as far, as soon as they are known to be among the best. A
// departure: a run waits at its rung with its checkpoint, and goes on from there to the same bits.
type Halving struct {
	Eta      int `json:"eta" doc:"one in so many goes on from a rung; 0 has every run go on"`
	MinSteps int `json:"min_steps" doc:"the step of the first rung; the next lie eta times as far each"`
}

// rungs are the steps at which the runs of a plan wait. The last lies before the end of the longest.
func (h Halving) rungs(plan []Planned) (steps []int) {
	last := 0
	for _, p := range plan {
		last = max(last, p.Config.Train.Steps)
	}
	for step := h.MinSteps; h.Eta > 1 && step < last; step *= h.Eta {
		steps = append(steps, step)
	}
	return steps
}

// ladder is halving at work: what each run came to at each rung.
type ladder struct {
	rule   *Stopping
	steps  []int                // of the rungs
	values []map[string]float64 // by rung: the metric of each run that came so far
	passed []map[string]bool    // by rung: those that went on
	parked map[string]job       // runs that wait at a rung
}

// newLadder is nil where a plan has no rungs.
func newLadder(plan []Planned) *ladder {
	if len(plan) == 0 || plan[0].Stopping == nil {
		return nil
	}
	l := &ladder{rule: plan[0].Stopping, steps: plan[0].Stopping.Halving.rungs(plan), parked: map[string]job{}}
	for range l.steps {
		l.values, l.passed = append(l.values, map[string]float64{}), append(l.passed, map[string]bool{})
	}
	if len(l.steps) == 0 {
		return nil
	}
	return l
}

// place takes a run's standing from the database, and says at which step it is to wait next, 0 for none, and whether it
// waits already. Its value at a rung is its last measurement before it; of a run that diverged, the worst.
func (l *ladder) place(db *store.DB, p Planned) (until int, waits bool, err error) {
	run, _, err := db.RunByID(p.ID)
	if err != nil {
		return 0, false, err
	}
	steps, values, err := l.rule.measured(db, p.ID)
	if err != nil {
		return 0, false, err
	}
	for k, rung := range l.steps {
		if rung >= p.Config.Train.Steps {
			break
		}
		if run.Step < rung {
			if run.Status == store.Diverged {
				l.values[k][p.ID] = math.Inf(1)
			}
			return rung, false, nil
		}
		value := math.Inf(1)
		for i, step := range steps {
			if step <= rung && !math.IsNaN(values[i]) {
				value = values[i]
			}
		}
		l.values[k][p.ID] = value
		if run.Step > rung {
			l.passed[k][p.ID] = true
		}
		if run.Step == rung && !l.passed[k][p.ID] {
			return rung, run.Status == store.Stopped, nil
		}
	}
	return 0, false, nil
}

// promote gives the runs that may go on, the furthest first.
func (l *ladder) promote() (jobs []job) {
	for k := len(l.steps) - 1; k >= 0; k-- {
		order := l.order(k)
		for _, id := range order[:len(order)/l.rule.Halving.Eta] {
			j, waits := l.parked[id]
			if !waits || l.passed[k][id] || math.IsInf(l.values[k][id], 1) {
				continue
			}
			l.passed[k][id] = true
			delete(l.parked, id)
			j.Until = 0
			if k+1 < len(l.steps) && l.steps[k+1] < j.Config.Train.Steps {
				j.Until = l.steps[k+1]
			}
			jobs = append(jobs, j)
		}
	}
	return jobs
}

// order lists the runs that came to a rung, the best first.
func (l *ladder) order(k int) []string {
	ids := make([]string, 0, len(l.values[k]))
	for id := range l.values[k] {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b string) int {
		return cmp.Or(cmp.Compare(l.values[k][a], l.values[k][b]), strings.Compare(a, b))
	})
	return ids
}

// reason says why a run that waits does not go on.
func (l *ladder) reason(id string) string {
	for k := len(l.steps) - 1; k >= 0; k-- {
		if value, ok := l.values[k][id]; ok {
			order := l.order(k)
			return fmt.Sprintf("stopping: halving: number %d of %d by %s (%.4g) at step %d, where the best %d go on",
				slices.Index(order, id)+1, len(order), l.rule.Metric, value, l.steps[k], len(order)/l.rule.Halving.Eta)
		}
	}
	return ""
}

// waiting marks those stored runs of a plan that wait at a rung and would not go on as things stand.
func waiting(db *store.DB, plan []Planned, known map[string]store.RunState, states []State) error {
	l := newLadder(plan)
	if l == nil {
		return nil
	}
	for i, p := range plan {
		if _, there := known[p.ID]; !there || states[i].Same != "" {
			continue
		}
		until, waits, err := l.place(db, p)
		if err != nil {
			return err
		}
		if waits && states[i].Stands == store.Stopped {
			states[i].Waits = until
			l.parked[p.ID] = job{Planned: p}
		}
	}
	l.promote() // what it takes from those that wait goes on
	for i, p := range plan {
		if _, waits := l.parked[p.ID]; !waits {
			states[i].Waits = 0
		}
	}
	return nil
}

// rest has a run whose worker stopped at a rung wait there, or go on where it may already. It tells whether it did.
func (c *coordinator) rest(o outcome) (bool, error) {
	if c.ladder == nil || o.Until == 0 || o.asked != nil {
		return false, nil
	}
	return true, c.enter(o.job)
}

// enter has a job wait for its turn, or at its rung.
func (c *coordinator) enter(j job) error {
	if c.ladder != nil {
		until, waits, err := c.ladder.place(c.db, j.Planned)
		if err != nil {
			return err
		}
		if j.Until = until; waits {
			c.ladder.parked[j.ID] = j
			return nil
		}
	}
	c.waiting = append(c.waiting, j)
	return nil
}

// climb has the runs go on that may, before those that have not begun.
func (c *coordinator) climb() {
	if c.ladder == nil {
		return
	}
	for _, j := range c.ladder.promote() {
		c.note(j.ID, store.Planned, 0, "halving: it goes on")
		c.waiting = slices.Insert(c.waiting, 0, j)
	}
}

// leave marks the runs that wait at a rung when nothing is left here that could have them go on. One that another coordinator
// had go on waits for its results instead.
func (c *coordinator) leave() error {
	if c.ladder == nil {
		return nil
	}
	leases, err := c.db.Leases()
	if err != nil {
		return err
	}
	for id, j := range c.ladder.parked {
		until, waits, err := c.ladder.place(c.db, j.Planned)
		if err != nil {
			return err
		}
		if lease := leases[id]; !waits || lease != nil && lease.InForce(time.Now()) {
			j.Until = until
			delete(c.ladder.parked, id)
			c.waiting = append(c.waiting, j)
		}
	}
	c.climb() // who came last may have come by another coordinator
	if len(c.waiting) > 0 {
		return nil
	}
	for id := range c.ladder.parked {
		run, _, err := c.db.RunByID(id)
		if err != nil {
			return err
		}
		if err := c.db.SetStatus(id, store.Stopped, run.Step, c.ladder.reason(id)); err != nil {
			return err
		}
	}
	c.sum.Early += len(c.ladder.parked)
	c.ladder.parked = nil
	return nil
}
