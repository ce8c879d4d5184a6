package compute

/*
#include "bell.h"
*/
import "C"

import "sync/atomic"

// Count counts how often one thread has done something, so that another thread can wait for a given count. Add and
// Await do not allocate memory.
type Count struct {
	n     atomic.Int64
	bell  *C.oc_bell // rings at each change
	heard C.ulong    // the rings that the waiter has seen
}

// NewCount returns a Count that starts at 0.
func NewCount() *Count {
	return &Count{bell: newBell()}
}

// Add adds one to the count. Whatever a thread writes before it calls Add is visible to the waiting thread once Await
// returns.
func (c *Count) Add() { c.add(1) }

// GiveUp makes every present and later Await return, because the work will not be done.
func (c *Count) GiveUp() { c.add(1 << 48) }

// Await returns once the count is at least n. Only one thread may wait at a time.
func (c *Count) Await(n int) {
	for c.n.Load() < int64(n) {
		c.heard = C.oc_await(c.bell, c.heard)
	}
}

func (c *Count) add(n int64) {
	c.n.Add(n)
	C.oc_ring(c.bell)
}
