package experiments

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/outcrop-lab/outcrop/experiments/folder"
	"github.com/outcrop-lab/outcrop/experiments/plan"
	"github.com/outcrop-lab/outcrop/experiments/todo"
	"github.com/outcrop-lab/outcrop/store"
)

const (
	mergeEvery = 2 * time.Second
	lookEvery  = 250 * time.Millisecond // between two checks for jobs to start and runs to stop
)

// The reasons for stopping a worker.
var (
	errAsked       = errors.New("stopped on request")
	errInterrupted = errors.New("interrupted")
)

// dir returns the folder of a run of the plan. queue has checked that it is one.
func (c *coordinator) dir(run string) string { return filepath.Join(folder.Runs(c.Results), run) }

// train carries out every unsettled run of the plan. It fails only for an error that would stop every further run too.
func (c *coordinator) train(ctx context.Context, planned []plan.Planned) error {
	if err := c.queue(planned); err != nil {
		return err
	}
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := c.loop(inner); err != nil {
		cancel()
		for range c.active {
			<-c.ended
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return err
	}
	c.sum.Stopped += len(c.waiting)
	if c.halving != nil {
		c.sum.Stopped += len(c.halving.parked) // left at their rung
	}
	return nil
}

// queue enqueues every unsettled run once.
func (c *coordinator) queue(planned []plan.Planned) error {
	if ladder := todo.NewLadder(planned); ladder != nil {
		c.halving = &halving{ladder, map[string]job{}}
	}
	stored, err := c.db.RunStatuses()
	if err != nil {
		return err
	}
	whole, err := c.wants.Whole(c.db, planned, stored)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, p := range planned {
		if seen[p.ID] {
			continue
		}
		seen[p.ID] = true
		if _, err := folder.Of(c.Results, p.ID); err != nil {
			return err
		}
		task := todo.Task{Settled: stored[p.ID].Status}
		if !whole[p.ID] {
			if task, err = c.wants.Task(c.db, c.dir(p.ID), p); err != nil {
				return err
			}
		}
		if task.Settled != "" {
			if c.halving != nil {
				if _, _, err := c.halving.Place(c.db, p.Run); err != nil {
					return err
				}
			}
			c.sum.keep(task.Settled)
			continue
		}
		if err := c.enqueue(job{Planned: p}); err != nil {
			return err
		}
	}
	return nil
}

// count adds a run whose worker has ended to the summary, unless the run is parked or requeued.
func (c *coordinator) count(o outcome, stored store.Run) error {
	if stored.Status == store.Stopped && o.asked == nil {
		early, err := todo.StoppedEarly(c.db, o.Run)
		if err != nil {
			return err
		}
		if early {
			c.sum.settle(store.Stopped)
			return nil
		}
		if rests, err := c.rest(o); err != nil || rests {
			return err
		}
	}
	if c.halving != nil && stored.Status == store.Diverged {
		if _, _, err := c.halving.Place(c.db, o.Run); err != nil {
			return err
		}
	}
	c.sum.count(stored.Status)
	return nil
}

// loop starts, watches and finishes workers until no job waits and no worker runs; once ctx is cancelled, until no
// worker runs.
func (c *coordinator) loop(ctx context.Context) error {
	merging, looking := time.NewTicker(mergeEvery), time.NewTicker(lookEvery)
	defer merging.Stop()
	defer looking.Stop()
	cancelled := ctx.Done()
	for {
		if ctx.Err() == nil {
			c.promote()
			if err := c.begin(ctx); err != nil {
				return err
			}
		}
		if len(c.active) == 0 && ctx.Err() != nil {
			return nil
		}
		if len(c.active)+len(c.waiting) == 0 {
			if err := c.roomy(ctx, 0, c.settleParked); err != nil || len(c.waiting) == 0 {
				return err
			}
		}
		select {
		case <-cancelled:
			cancelled = nil
		case <-merging.C:
			for _, r := range c.active {
				if err := c.mergeGrowing(ctx, r); err != nil {
					c.event(folder.Event{Run: r.ID, Status: "merge: " + err.Error()})
				}
			}
		case <-looking.C:
			if err := c.look(); err != nil {
				return err
			}
		case o := <-c.ended:
			delete(c.active, o.ID)
			if err := c.finish(ctx, o); err != nil {
				return err
			}
		}
	}
}

// look renews the leases and stops the runs that were asked to stop. If the disk is full or the database is busy, the
// next look renews the leases.
func (c *coordinator) look() error {
	if err := c.renew(); err != nil && !store.IsFull(err) && !store.IsTransient(err) {
		return err
	}
	stops, err := c.db.Stops()
	if err != nil {
		return err
	}
	asked := func(run string) bool { return !stops[run].Equal(c.stopped[run]) }
	for _, r := range c.active {
		if asked(r.ID) {
			r.stop(errAsked)
		}
	}
	c.waiting = slices.DeleteFunc(c.waiting, func(j job) bool {
		if !asked(j.ID) {
			return false
		}
		c.sum.Stopped++
		c.event(folder.Event{Run: j.ID, Steps: j.Config.Train.Steps, Status: store.Stopped, Message: errAsked.Error()})
		return true
	})
	return nil
}

// begin starts as many waiting jobs as fit on the machine.
func (c *coordinator) begin(ctx context.Context) error {
	var stay []job
	for i, j := range c.waiting {
		if time.Now().Before(j.after) {
			stay = append(stay, j)
			continue
		}
		threads, memory, ok := c.share(j, len(c.waiting)-i+len(stay))
		if !ok {
			stay = append(stay, c.waiting[i:]...)
			break
		}
		var again bool
		err := c.roomy(ctx, 0, func() (err error) { again, err = c.start(ctx, &j, threads, memory); return err })
		if err != nil {
			return err
		}
		if again {
			stay = append(stay, j)
		}
	}
	c.waiting = stay
	return nil
}

// start claims a run and starts its worker. If another process holds the run, again is true and the job stays in the
// queue; if that process has finished the run meanwhile, the run is settled.
func (c *coordinator) start(ctx context.Context, j *job, threads int, memory float64) (again bool, err error) {
	if elsewhere, err := c.claim(j); err != nil || elsewhere {
		return elsewhere, err
	}
	task, err := c.wants.Task(c.db, c.dir(j.ID), j.Planned)
	if err != nil {
		return false, errors.Join(err, c.db.Release(j.ID, c.holder.Owner))
	}
	if task.Settled != "" {
		return false, errors.Join(c.settled(*j, task.Settled), c.db.Release(j.ID, c.holder.Owner))
	}
	if c.halving != nil { // another coordinator may have trained it to its rung meanwhile
		until, waits, err := c.halving.Place(c.db, j.Run)
		if err != nil {
			return false, errors.Join(err, c.db.Release(j.ID, c.holder.Owner))
		}
		if j.Until = until; waits {
			c.halving.park(*j)
			return false, c.db.Release(j.ID, c.holder.Owner)
		}
	}
	j.measure = task.Measure
	c.note(j.ID, store.Leased, task.From, "by "+c.holder.String())
	own, stop := context.WithCancelCause(ctx)
	r := &running{job: *j, threads: threads, memory: memory, stop: stop, started: make(chan struct{})}
	c.active[j.ID] = r
	go func() {
		err := c.do(own, r)
		asked := context.Cause(own)
		if ctx.Err() != nil {
			asked = errInterrupted
		}
		stop(nil)
		c.ended <- outcome{r, err, asked}
	}()
	return false, nil
}

// settled counts a run that another coordinator has settled meanwhile.
func (c *coordinator) settled(j job, status string) error {
	stored, _, err := c.db.RunByID(j.ID)
	if err != nil {
		return err
	}
	c.sum.keep(status)
	return c.tellEnd(j, stored, stored.Error)
}

// tellEnd reports how a run has ended, with its last loss.
func (c *coordinator) tellEnd(j job, stored store.Run, message string) error {
	e := folder.Event{Run: j.ID, Step: stored.Step, Steps: j.Config.Train.Steps, Status: stored.Status, Message: message,
		Early: stored.Status == store.Stopped && stored.Error != ""}
	last, err := c.db.LastMetrics(j.ID, "loss")
	for _, l := range last {
		if l.Step == stored.Step && l.Value-l.Value == 0 {
			e.Loss = l.Value
		}
	}
	c.event(e)
	return err
}

func (c *coordinator) event(e folder.Event) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.Events != nil {
		c.Events(e)
	}
}

// note adds an entry to a run's history. It ignores errors, because a lost entry must stop nothing.
func (c *coordinator) note(run, status string, step int, message string) {
	_ = c.db.PutEvent(store.Event{Run: run, At: time.Now(), Status: status, Step: step, Message: message})
}

// mergeGrowing merges the rows that a run's shard has so far, once its worker has started.
func (c *coordinator) mergeGrowing(ctx context.Context, r *running) error {
	select {
	case <-r.started:
	default:
		return nil
	}
	return c.roomy(ctx, c.need(r.job), func() error {
		last, err := c.merge(r.ID, r.merged)
		r.merged = max(r.merged, last)
		return err
	})
}

// merge merges the rows of a run's shard, if there is one yet, from step from on into the results. It returns the last
// step that has rows.
func (c *coordinator) merge(id string, from int) (last int, err error) {
	shard := filepath.Join(c.dir(id), folder.Shard)
	if _, err := os.Stat(shard); errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	got, last, err := c.db.MergeFrom(shard, from)
	c.sum.Conflicts += got.Conflicts
	return last, err
}

// finish merges the rows that a worker left, sets its run's status and releases the run, or requeues the run for
// another attempt. A run that could not be measured again keeps its status.
func (c *coordinator) finish(ctx context.Context, o outcome) error {
	if yields, err := c.yield(o); err != nil || yields {
		return err
	}
	var stored store.Run
	var there bool
	fault := o.err
	err := c.roomy(ctx, c.need(o.job), func() (err error) {
		if _, err := c.merge(o.ID, 0); err != nil {
			if store.IsFull(err) {
				return err
			}
			fault = errors.Join(o.err, err)
		}
		store.Settle(filepath.Join(c.dir(o.ID), folder.Shard)) // the merges kept the worker from doing so
		stored, there, err = c.db.RunByID(o.ID)
		return err
	})
	if err != nil {
		return err
	}
	if !there {
		if stored, err = o.Stored(); err != nil {
			return err
		}
		if fault == nil {
			fault = errors.New("the worker left no results")
		}
	}
	if fault != nil {
		again, err := c.retry(ctx, o, stored.Step, fault)
		if err != nil || again {
			return err
		}
		c.sum.Errors = append(c.sum.Errors, fmt.Sprintf("%s (%s, seed %d): %v", store.Short(o.ID), o.Arm, o.Seed, fault))
		if o.Measure != nil {
			return c.giveUpMeasuring(o, stored, fault)
		}
		stored.Status, stored.Error = store.Failed, fault.Error()
	}
	message := stored.Error
	switch {
	case stored.Status != store.Stopped || message != "":
	case o.asked != nil:
		message = o.asked.Error()
	case o.Until > 0:
		message = "halving: at its rung, until it is among the best"
	}
	if err := errors.Join(c.count(o, stored), c.tellEnd(o.job, stored, message)); err != nil {
		return err
	}
	return c.roomy(ctx, 0, func() error {
		if fault != nil {
			if err := c.db.PutRun(stored); err != nil {
				return errors.Join(err, fault)
			}
		}
		c.note(o.ID, stored.Status, stored.Step, message)
		return c.db.Release(o.ID, c.holder.Owner)
	})
}

// giveUpMeasuring releases a run that could not be measured again. The run stays done or diverged, and still lacks the
// same rows.
func (c *coordinator) giveUpMeasuring(o outcome, stored store.Run, fault error) error {
	c.sum.Failed++
	message := "not measured: " + fault.Error()
	c.event(folder.Event{Run: o.ID, Step: stored.Step, Steps: stored.Steps, Status: store.Failed, Message: message})
	c.note(o.ID, stored.Status, stored.Step, message)
	return c.db.Release(o.ID, c.holder.Owner)
}
