package compute

/*
#include "bell.h"
*/
import "C"

import (
	"sync"
	"sync/atomic"
)

// Team is a set of threads that run the parts of a step. Run allocates nothing and starts no goroutine. Between runs,
// the threads wait in C: each spins briefly, which bridges the gaps between the runs of one step, and then sleeps until
// the system wakes it. Waiting in Go would be slower, because the thread with which Go's scheduler resumes a goroutine
// sleeps briefly first, and because Go's timers may be milliseconds late after Quiet.
type Team struct {
	f       func(thread, item int)
	n       int
	begun   atomic.Uint64 // upper half: the run's number; lower half: its items not yet begun
	left    atomic.Int64  // items not yet done
	closed  atomic.Bool
	threads sync.WaitGroup
	begin   *C.oc_bell // rings at the start of a run, and when the team is closed
	done    *C.oc_bell // rings when a thread other than the caller's finishes a run's last item
	heard   C.ulong    // the rings of done that the caller has seen
	fault   []any      // panics, by thread
}

// NewTeam starts a team of the given number of threads, or of one if threads is below 1. Thread 0 is the one that calls
// Run.
func NewTeam(threads int) *Team {
	t := &Team{begin: newBell(), done: newBell(), fault: make([]any, max(1, threads))}
	for thread := 1; thread < threads; thread++ {
		t.threads.Go(func() {
			for heard := C.ulong(0); !t.closed.Load(); heard = C.oc_await(t.begin, heard) {
				t.work(thread)
			}
		})
	}
	return t
}

// Run calls f once for each item in [0, n) and returns when all items are done. It passes f the number of the thread
// that runs the item. Items start in order, each on the first thread that is free. If f panics, Run panics too, after
// all items have run.
func (t *Team) Run(n int, f func(thread, item int)) {
	t.f, t.n = f, n
	t.left.Store(int64(n))
	t.begun.Store((t.begun.Load()>>32+1)<<32 | uint64(n))
	if n > 1 && len(t.fault) > 1 {
		C.oc_ring(t.begin)
	}
	t.work(0)
	for t.left.Load() > 0 {
		t.heard = C.oc_await(t.done, t.heard)
	}
	for i, fault := range t.fault {
		if fault != nil {
			t.fault[i] = nil
			panic(fault)
		}
	}
}

// work runs items of the current run until all have begun.
func (t *Team) work(thread int) {
	for {
		begun := t.begun.Load()
		unbegun := int(uint32(begun))
		if unbegun == 0 {
			return
		}
		if t.begun.CompareAndSwap(begun, begun-1) { // so the run lasts until this item is done
			t.item(thread, t.n-unbegun)
			if t.left.Add(-1) == 0 && thread > 0 {
				C.oc_ring(t.done)
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

// Close ends the team's threads and waits until they have ended.
func (t *Team) Close() {
	t.closed.Store(true)
	C.oc_ring(t.begin)
	t.threads.Wait()
	C.oc_bell_end(t.begin)
	C.oc_bell_end(t.done)
}

// newBell makes a bell in Go's memory, because objects there do not move.
func newBell() *C.oc_bell {
	bell := new(C.oc_bell)
	C.oc_bell_begin(bell)
	return bell
}
