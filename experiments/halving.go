package experiments

import (
	"slices"
	"time"

	"github.com/outcrop-lab/outcrop/experiments/todo"
	"github.com/outcrop-lab/outcrop/store"
)

// halving is the ladder of a plan with the jobs that are parked on it.
type halving struct {
	*todo.Ladder
	parked map[string]job
}

func (h *halving) park(j job) {
	h.Park(j.Run)
	h.parked[j.ID] = j
}

func (h *halving) unpark(id string) job {
	h.Unpark(id)
	j := h.parked[id]
	delete(h.parked, id)
	return j
}

// rest parks a run that stopped at its rung, or requeues it if it has been promoted. It reports whether it handled the
// run.
func (c *coordinator) rest(o outcome) (bool, error) {
	if c.halving == nil || o.Until == 0 || o.asked != nil {
		return false, nil
	}
	return true, c.enqueue(o.job)
}

// enqueue adds a job to the queue, or parks it at its rung.
func (c *coordinator) enqueue(j job) error {
	if c.halving != nil {
		until, waits, err := c.halving.Place(c.db, j.Run)
		if err != nil {
			return err
		}
		if j.Until = until; waits {
			c.halving.park(j)
			return nil
		}
	}
	c.waiting = append(c.waiting, j)
	return nil
}

// promote queues promoted runs ahead of those not yet started.
func (c *coordinator) promote() {
	if c.halving == nil {
		return
	}
	for _, p := range c.halving.Promote() {
		j := c.halving.unpark(p.ID)
		j.Until = p.Until
		c.note(j.ID, store.Planned, 0, "halving: promoted")
		c.waiting = slices.Insert(c.waiting, 0, j)
	}
}

// settleParked marks the parked runs as stopped, once nothing here can promote them any more. A run that another
// coordinator has promoted is queued instead, to wait for its results.
func (c *coordinator) settleParked() error {
	if c.halving == nil {
		return nil
	}
	leases, err := c.db.Leases()
	if err != nil {
		return err
	}
	for _, id := range c.halving.Parked() {
		until, waits, err := c.halving.Place(c.db, c.halving.parked[id].Run)
		if err != nil {
			return err
		}
		if lease := leases[id]; !waits || lease != nil && lease.InForce(time.Now()) {
			j := c.halving.unpark(id)
			j.Until = until
			c.waiting = append(c.waiting, j)
		}
	}
	c.promote() // another coordinator may have brought the last missing run to its rung
	if len(c.waiting) > 0 {
		return nil
	}
	for _, id := range c.halving.Parked() {
		stored, _, err := c.db.RunByID(id)
		if err != nil {
			return err
		}
		stored.Status, stored.Error = store.Stopped, c.halving.Reason(id)
		if err := c.db.SetStatus(id, stored.Status, stored.Step, stored.Error); err != nil {
			return err
		}
		c.note(id, stored.Status, stored.Step, stored.Error)
		if err := c.tellEnd(c.halving.parked[id], stored, stored.Error); err != nil {
			return err
		}
	}
	for _, id := range c.halving.Parked() {
		c.halving.unpark(id)
		c.sum.Early++
	}
	return nil
}
