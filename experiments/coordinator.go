package experiments

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/outcrop-lab/outcrop/store"
)

const (
	mergeEvery = 2 * time.Second
	lookEvery  = 250 * time.Millisecond // for what may begin, and for what shall stop
	// leaseTime is how long a run stays taken whose coordinator says nothing; one that died on this machine is found out at
	// once. A coordinator renews six times as often.
	leaseTime = time.Minute
)

// Why a worker is stopped.
var (
	errAsked = errors.New("it was asked to stop")
	errTaken = errors.New("another coordinator has taken the run")
)

func (c *coordinator) dir(run string) string { return filepath.Join(c.Results, "runs", run) }

// train does every run of the plan that is not settled. An error is one that no further run would be spared.
func (c *coordinator) train(ctx context.Context, plan []Planned) error {
	if err := c.queue(plan); err != nil {
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
	if c.ladder != nil {
		c.sum.Stopped += len(c.ladder.parked) // left at their rung
	}
	return nil
}

// queue has each run wait that is not settled, once.
func (c *coordinator) queue(plan []Planned) error {
	c.ladder = newLadder(plan)
	stored, err := c.db.RunStates()
	if err != nil {
		return err
	}
	whole, err := c.known.whole(c.db, plan, stored)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, p := range plan {
		if seen[p.ID] {
			continue
		}
		seen[p.ID] = true
		state := State{Settled: stored[p.ID].Status}
		if !whole[p.ID] {
			if state, err = c.state(p); err != nil {
				return err
			}
		}
		if state.Settled != "" {
			if c.ladder != nil {
				if _, _, err := c.ladder.place(c.db, p); err != nil {
					return err
				}
			}
			c.sum.Kept++
			c.sum.settle(state.Settled)
			continue
		}
		if err := c.enter(job{Planned: p}); err != nil {
			return err
		}
	}
	return nil
}

// state tells what there is to do for a run, the sweep's rule minded.
func (c *coordinator) state(p Planned) (State, error) {
	state, err := c.known.state(c.db, c.dir(p.ID), p)
	if err != nil {
		return state, err
	}
	return early(c.db, p, state)
}

// count counts a run that a worker has left.
func (c *coordinator) count(o outcome, run store.Run) error {
	if run.Status == store.Stopped && o.asked == nil {
		state, err := early(c.db, o.Planned, State{})
		if err != nil {
			return err
		}
		if state.Settled != "" {
			c.sum.settle(state.Settled)
			return nil
		}
		if rests, err := c.rest(o); err != nil || rests {
			return err
		}
	}
	if c.ladder != nil && run.Status == store.Diverged {
		if _, _, err := c.ladder.place(c.db, o.Planned); err != nil {
			return err
		}
	}
	c.sum.count(run.Status)
	return nil
}

// loop goes on until nothing waits or works; once ctx is cancelled, until nothing works.
func (c *coordinator) loop(ctx context.Context) error {
	merging, looking := time.NewTicker(mergeEvery), time.NewTicker(lookEvery)
	defer merging.Stop()
	defer looking.Stop()
	cancelled := ctx.Done()
	for {
		if ctx.Err() == nil {
			c.climb()
			if err := c.begin(ctx); err != nil {
				return err
			}
		}
		if len(c.active) == 0 && ctx.Err() != nil {
			return nil
		}
		if len(c.active)+len(c.waiting) == 0 {
			if err := c.roomy(ctx, 0, c.leave); err != nil || len(c.waiting) == 0 {
				return err
			}
		}
		select {
		case <-cancelled:
			cancelled = nil
		case <-merging.C:
			for _, r := range c.active {
				if err := c.mergeGrowing(ctx, r); err != nil {
					c.event(Event{Run: r.ID, Status: "merge: " + err.Error()})
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

// look renews the leases and sees what shall stop. A disk that is full, or a database that is held, it leaves to the next
// time.
func (c *coordinator) look() error {
	if err := c.renew(); err != nil && !store.IsFull(err) && !store.IsTransient(err) {
		return err
	}
	stops, err := c.db.StopsSince(c.began)
	if err != nil || len(stops) == 0 {
		return err
	}
	for _, r := range c.active {
		if stops[r.ID] {
			r.stop(errAsked)
		}
	}
	c.waiting = slices.DeleteFunc(c.waiting, func(j job) bool {
		if stops[j.ID] {
			c.sum.Stopped++
			c.event(Event{Run: j.ID, Steps: j.Config.Train.Steps, Status: store.Stopped, Message: errAsked.Error()})
		}
		return stops[j.ID]
	})
	return nil
}

// renew keeps what this coordinator holds, and stops what it holds no more.
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
		if !slices.Contains(held, r.ID) {
			r.stop(errTaken)
		}
	}
	return nil
}

// begin starts waiting jobs as far as the machine holds them.
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

// start takes a run and begins its worker. Where another coordinator has it, it is tried again later; where that one has
// done it meanwhile, it is settled.
func (c *coordinator) start(ctx context.Context, j *job, threads int, memory int64) (again bool, err error) {
	other, err := c.db.Claim(j.ID, c.holder, leaseTime)
	if err != nil {
		return false, err
	}
	if other != nil {
		if j.told != other.Owner {
			j.told = other.Owner
			c.event(Event{Run: j.ID, Steps: j.Config.Train.Steps, Status: "elsewhere",
				Message: fmt.Sprintf("process %d on %s has it; its results are waited for", other.PID, other.Machine())})
		}
		j.after = time.Now().Add(time.Second)
		return true, nil
	}
	state, err := c.state(j.Planned)
	if err != nil {
		return false, errors.Join(err, c.db.Release(j.ID, c.holder.Owner))
	}
	if state.Settled != "" {
		if err := c.db.Release(j.ID, c.holder.Owner); err != nil {
			return false, err
		}
		c.sum.Kept++
		c.sum.settle(state.Settled)
		c.event(Event{Run: j.ID, Step: j.Config.Train.Steps, Steps: j.Config.Train.Steps, Status: state.Settled})
		return false, nil
	}
	if c.ladder != nil { // another coordinator may have brought it to its rung meanwhile
		until, waits, err := c.ladder.place(c.db, j.Planned)
		if err != nil {
			return false, errors.Join(err, c.db.Release(j.ID, c.holder.Owner))
		}
		if j.Until = until; waits {
			c.ladder.parked[j.ID] = *j
			return false, c.db.Release(j.ID, c.holder.Owner)
		}
	}
	j.measure = state.Measure
	c.note(j.ID, store.Leased, state.From, "")
	own, stop := context.WithCancelCause(ctx)
	r := &running{job: *j, threads: threads, memory: memory, stop: stop, started: make(chan struct{})}
	c.active[j.ID] = r
	go func() {
		err := c.do(own, r)
		asked := context.Cause(own)
		stop(nil)
		c.ended <- outcome{r, err, asked}
	}()
	return false, nil
}

func (c *coordinator) event(e Event) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.Events != nil {
		c.Events(e)
	}
}

// note writes into a run's history. What cannot be written there is no reason to stop.
func (c *coordinator) note(run, status string, step int, message string) {
	_ = c.db.PutEvent(store.Event{Run: run, At: time.Now(), Status: status, Step: step, Message: message})
}

// mergeGrowing brings what a run's shard has now, once its worker works.
func (c *coordinator) mergeGrowing(ctx context.Context, r *running) error {
	select {
	case <-r.started:
	default:
		return nil
	}
	return c.roomy(ctx, c.need(r.job), func() error {
		last, err := c.merge(r.Planned, r.merged)
		r.merged = max(r.merged, last)
		return err
	})
}

// merge brings a run's shard into the results, rows from that step on; one that is not there yet brings nothing. It returns
// the last step of which there are rows.
func (c *coordinator) merge(p Planned, from int) (last int, err error) {
	shard := filepath.Join(c.dir(p.ID), shardFile)
	if _, err := os.Stat(shard); errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	got, last, err := c.db.MergeFrom(shard, from)
	c.sum.Conflicts += got.Conflicts
	return last, err
}

// finish merges what a worker left, settles its run's status and gives the run back, or has it wait for another attempt.
func (c *coordinator) finish(ctx context.Context, o outcome) error {
	if errors.Is(o.asked, errTaken) {
		c.sum.Stopped++
		c.event(Event{Run: o.ID, Steps: o.Config.Train.Steps, Status: store.Stopped, Message: errTaken.Error()})
		return nil
	}
	var run store.Run
	var there bool
	fault := o.err
	err := c.roomy(ctx, c.need(o.job), func() (err error) {
		if _, err := c.merge(o.Planned, 0); err != nil {
			if store.IsFull(err) {
				return err
			}
			fault = errors.Join(o.err, err)
		}
		run, there, err = c.db.RunByID(o.ID)
		return err
	})
	if err != nil {
		return err
	}
	if !there {
		if run, err = storedRun(o.Planned); err != nil {
			return err
		}
		if fault == nil {
			fault = errors.New("the worker left no results")
		}
	}
	if fault != nil {
		again, err := c.retry(ctx, o, run.Step, fault)
		if err != nil || again {
			return err
		}
		run.Status, run.Error = store.Failed, fault.Error()
		c.sum.Errors = append(c.sum.Errors, fmt.Sprintf("%s (%s, seed %d): %v", o.ID[:12], o.Arm, o.Seed, fault))
	}
	message := run.Error
	if o.asked != nil && run.Status == store.Stopped {
		message = o.asked.Error()
	}
	if err := c.count(o, run); err != nil {
		return err
	}
	c.event(Event{Run: o.ID, Step: run.Step, Steps: run.Steps, Status: run.Status, Message: message})
	return c.roomy(ctx, 0, func() error {
		if fault != nil {
			if err := c.db.PutRun(run); err != nil {
				return errors.Join(err, fault)
			}
		}
		c.note(o.ID, run.Status, run.Step, message)
		return c.db.Release(o.ID, c.holder.Owner)
	})
}
