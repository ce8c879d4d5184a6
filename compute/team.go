package compute

/*
#include "kernels.h"
*/
import "C"

import "sync/atomic"

// Team is a number of threads that run the parts of a step. A Run allocates nothing and starts no goroutine. The goroutines
// are bound to no OS thread, since one that is bound wakes later: a tiny step on two threads took .34 ms so, .19 to .23 unbound.
// A thread that waits looks for work for some milliseconds before it sleeps, which covers what lies between the runs of a step
// and what one part takes longer than another.
type Team struct {
	f     func(thread, item int)
	n     int
	begun atomic.Uint64 // which run, in the upper half, and how many of its items nobody has begun
	left  atomic.Int64  // items that are not done, and 1 while the caller does not sleep
	done  chan struct{} // wakes the caller
	wake  []chan struct{}
	fault []any // by thread
}

// NewTeam starts a team of at least one thread; the first is the caller's own.
func NewTeam(threads int) *Team {
	t := &Team{done: make(chan struct{}), fault: make([]any, max(1, threads))}
	for thread := 1; thread < threads; thread++ {
		wake := make(chan struct{}, 1)
		t.wake = append(t.wake, wake)
		go func() {
			for range wake {
				for t.await(func() bool { return uint32(t.begun.Load()) > 0 }) {
					t.work(thread)
				}
			}
		}()
	}
	return t
}

// Run calls f once for each item below n, with the number of the thread that does it, and returns when all are done. Items
// begin in order, each on the first thread that is free. A panic of f comes out of Run.
func (t *Team) Run(n int, f func(thread, item int)) {
	if n == 0 {
		return
	}
	t.f, t.n = f, n
	t.left.Store(int64(n) + 1)
	t.begun.Store((t.begun.Load()>>32+1)<<32 | uint64(n))
	for _, w := range t.wake[:min(n-1, len(t.wake))] {
		select {
		case w <- struct{}{}:
		default: // it has yet to sleep since it was last woken
		}
	}
	t.work(0)
	if !t.await(func() bool { return t.left.Load() == 1 }) && t.left.Add(-1) > 0 {
		<-t.done
	}
	for i, fault := range t.fault {
		if fault != nil {
			t.fault[i] = nil
			panic(fault)
		}
	}
}

// work does items of the present run until all are begun.
func (t *Team) work(thread int) {
	for {
		begun := t.begun.Load()
		unbegun := int(uint32(begun))
		if unbegun == 0 {
			return
		}
		if t.begun.CompareAndSwap(begun, begun-1) { // and so the run goes on until this item is done
			t.item(thread, t.n-unbegun)
			if t.left.Add(-1) == 0 {
				t.done <- struct{}{}
			}
		}
	}
}

func (t *Team) item(thread, item int) {
	defer func() {
		if fault := recover(); fault != nil {
			t.fault[thread] = fault
		}
	}()
	t.f(thread, item)
}

// await tells whether something comes true within some milliseconds. To be woken may take as many: the thread that would take up
// the woken goroutine sleeps for a moment first, and its timers may be late (Quiet).
func (t *Team) await(come func() bool) bool {
	for range 5000 {
		if come() {
			return true
		}
		C.oc_pause()
	}
	return false
}

// Close ends the threads.
func (t *Team) Close() {
	for _, w := range t.wake {
		close(w)
	}
}
