package experiments

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/outcrop-lab/outcrop/experiments/folder"
	"github.com/outcrop-lab/outcrop/store"
)

// leaseTime is how long a lease stays in force without being renewed. A coordinator renews its leases six times as
// often, and one that died on this machine is noticed at once. The tests have a shorter time.
var leaseTime = time.Minute

// claim leases a run to this coordinator. elsewhere reports that another process holds the run, in which case the job
// is to be tried again later. Whoever has locked the run's folder holds it: a lease runs out while its coordinator
// sleeps, and its time is that of another clock. The database itself rests on locks that all its users see.
func (c *coordinator) claim(j *job) (elsewhere bool, err error) {
	held, err := folder.Held(c.dir(j.ID))
	if err != nil {
		return false, err
	}
	if held {
		return true, c.elsewhere(j)
	}
	other, err := c.db.Claim(j.ID, c.holder, leaseTime, j.stale())
	if err != nil || other == nil {
		return false, err
	}
	if !other.Same(j.other) {
		j.other, j.seen = other, time.Now()
	}
	return true, c.elsewhere(j)
}

// stale returns the lease that another process has on the run, if this coordinator has watched it for as long as a
// lease lasts without seeing it renewed; otherwise nil. The clock of a machine that died may have been ahead.
func (j *job) stale() *store.Lease {
	if j.other != nil && time.Since(j.seen) > leaseTime {
		return j.other
	}
	return nil
}

// elsewhere says once who holds a run, and puts off the job.
func (c *coordinator) elsewhere(j *job) error {
	j.after = time.Now().Add(time.Second)
	leases, err := c.db.Leases()
	if err != nil {
		return err
	}
	who := "a process without a lease"
	if l := leases[j.ID]; l != nil && l.Owner != c.holder.Owner {
		who = l.String()
	}
	if j.told != who {
		j.told = who
		c.event(folder.Event{Run: j.ID, Steps: j.Config.Train.Steps, Status: "elsewhere",
			Message: who + " holds it; waiting for its results"})
	}
	return nil
}

// renew renews the leases of this coordinator. If it slept for so long that another coordinator has claimed a run whose
// folder its worker still has locked, it takes the lease back: nobody else can train the run.
func (c *coordinator) renew() error {
	if time.Since(c.renewed) < leaseTime/6 {
		return nil
	}
	held, err := c.db.Renew(c.holder.Owner, leaseTime)
	if err != nil {
		return err
	}
	c.renewed = time.Now()
	for _, r := range c.active {
		if slices.Contains(held, r.ID) || !r.holds.Load() {
			continue
		}
		other, err := c.db.TakeBack(r.ID, c.holder, leaseTime)
		if err != nil {
			return err
		}
		if other != nil {
			c.note(r.ID, store.Leased, r.merged, fmt.Sprintf("by %s again, whose worker never ended; %s had claimed it",
				c.holder, other.Holder))
		}
	}
	return nil
}

// yield requeues a run that another process has come to hold: the worker found the run's folder locked, or ended while
// this coordinator slept and another one claimed the run. That is no attempt.
func (c *coordinator) yield(o outcome) (yields bool, err error) {
	leases, err := c.db.Leases()
	if err != nil {
		return false, err
	}
	var f *failure
	locked := errors.As(o.err, &f) && f.cause == folder.CauseHeld
	if l := leases[o.ID]; l != nil && l.Owner == c.holder.Owner && !locked {
		return false, nil
	}
	c.waiting = append(c.waiting, o.job)
	return true, c.db.Release(o.ID, c.holder.Owner)
}
