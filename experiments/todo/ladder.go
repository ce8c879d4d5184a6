package todo

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/outcrop-lab/outcrop/count"
	"github.com/outcrop-lab/outcrop/experiments/plan"
	"github.com/outcrop-lab/outcrop/experiments/run"
	"github.com/outcrop-lab/outcrop/experiments/stopping"
	"github.com/outcrop-lab/outcrop/store"
)

// Ladder is the progress of successive halving: each run's metric at each rung that the run has reached, and the runs
// that are parked at a rung. See stopping.Halving.
type Ladder struct {
	rule   *stopping.Rule
	rungs  []int                // steps
	values []map[string]float64 // by rung: the metric of each run that has reached it
	passed []map[string]bool    // by rung: the runs that went on
	parked map[string]int       // the runs that wait at a rung, with the steps at which they end
}

// NewLadder returns the ladder of a plan, or nil if the plan has no rungs.
func NewLadder(planned []plan.Planned) *Ladder {
	if len(planned) == 0 || planned[0].Stopping == nil {
		return nil
	}
	last := 0
	for _, p := range planned {
		last = max(last, p.Config.Train.Steps)
	}
	l := &Ladder{rule: planned[0].Stopping, rungs: planned[0].Stopping.Halving.Rungs(last), parked: map[string]int{}}
	for range l.rungs {
		l.values, l.passed = append(l.values, map[string]float64{}), append(l.passed, map[string]bool{})
	}
	if len(l.rungs) == 0 {
		return nil
	}
	return l
}

// Place reads from the database how far a run has come. until is the step of the rung at which the run stops next, or 0
// if no rung is left. waits reports whether the run is already stopped at that rung. A run's value at a rung is its
// last measurement at or before the rung's step. A diverged run has the worst possible value.
func (l *Ladder) Place(db *store.DB, r run.Run) (until int, waits bool, err error) {
	stored, _, err := db.RunByID(r.ID)
	if err != nil {
		return 0, false, err
	}
	steps, values, err := db.Metric(r.ID, l.rule.Metric)
	if err != nil {
		return 0, false, err
	}
	for k, rung := range l.rungs {
		if rung >= r.Config.Train.Steps {
			break
		}
		if stored.Step < rung {
			if stored.Status == store.Diverged {
				l.values[k][r.ID] = math.Inf(1)
			}
			return rung, false, nil
		}
		value := math.Inf(1)
		for i, step := range steps {
			if step <= rung && !math.IsNaN(values[i]) {
				value = values[i]
			}
		}
		l.values[k][r.ID] = value
		if stored.Step > rung {
			l.passed[k][r.ID] = true
		}
		if stored.Step == rung && !l.passed[k][r.ID] {
			return rung, stored.Status == store.Stopped, nil
		}
	}
	return 0, false, nil
}

// Park makes a run wait at its rung until Promote returns it.
func (l *Ladder) Park(r run.Run) { l.parked[r.ID] = r.Config.Train.Steps }

// Unpark removes a run from the parked runs.
func (l *Ladder) Unpark(id string) { delete(l.parked, id) }

// Parked lists the ids of the parked runs, sorted.
func (l *Ladder) Parked() []string { return slices.Sorted(maps.Keys(l.parked)) }

// Promoted is a run that leaves its rung and is trained to the next rung, at step Until. Until is 0 if the run is
// trained to its end.
type Promoted struct {
	ID    string
	Until int
}

// Promote unparks the runs that may go on, and returns them in descending order of their rungs.
func (l *Ladder) Promote() (promoted []Promoted) {
	for k := len(l.rungs) - 1; k >= 0; k-- {
		order := l.order(k)
		for _, id := range order[:len(order)/l.rule.Halving.Eta] {
			end, waits := l.parked[id]
			if !waits || l.passed[k][id] || math.IsInf(l.values[k][id], 1) {
				continue
			}
			l.passed[k][id] = true
			l.Unpark(id)
			next := Promoted{ID: id}
			if k+1 < len(l.rungs) && l.rungs[k+1] < end {
				next.Until = l.rungs[k+1]
			}
			promoted = append(promoted, next)
		}
	}
	return promoted
}

// order lists the runs that have reached rung k, the best first.
func (l *Ladder) order(k int) []string {
	return slices.SortedFunc(maps.Keys(l.values[k]), func(a, b string) int {
		return cmp.Or(cmp.Compare(l.values[k][a], l.values[k][b]), strings.Compare(a, b))
	})
}

// Reason says why a parked run does not go on.
func (l *Ladder) Reason(id string) string {
	for k := len(l.rungs) - 1; k >= 0; k-- {
		if value, ok := l.values[k][id]; ok {
			order := l.order(k)
			best := len(order) / l.rule.Halving.Eta
			return fmt.Sprintf("stopping: halving: number %d of %d by %s (%.4g) at step %d, where the best %d %s on",
				slices.Index(order, id)+1, len(order), l.rule.Metric, value, l.rungs[k], best, count.Agree(best, "goes", "go"))
		}
	}
	return ""
}

// wait sets Waits in the tasks of the stored runs that wait at a rung and would not be promoted as things stand.
func wait(db *store.DB, planned []plan.Planned, known map[string]store.RunStatus, tasks []Task) error {
	l := NewLadder(planned)
	if l == nil {
		return nil
	}
	for i, p := range planned {
		if _, there := known[p.ID]; !there || tasks[i].Same != "" {
			continue
		}
		until, waits, err := l.Place(db, p.Run)
		if err != nil {
			return err
		}
		if waits && tasks[i].Status == store.Stopped {
			tasks[i].Waits = until
			l.Park(p.Run)
		}
	}
	l.Promote() // unparks the runs that would go on
	for i, p := range planned {
		if _, waits := l.parked[p.ID]; !waits {
			tasks[i].Waits = 0
		}
	}
	return nil
}
