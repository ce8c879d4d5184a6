package compute

/*
#include "bell.h"
*/
import "C"

import "sync/atomic"

// Count is how often one thread has done something that another waits for. Neither allocates.
type Count struct {
	n     atomic.Int64
	bell  *C.oc_bell // rings at each change
	heard C.ulong    // how often who waits has heard it
}

// NewCount returns a count of 0.
func NewCount() *Count {
	return &Count{bell: newBell()}
}

// Add counts one more: what was written before is seen by the one who waits.
func (c *Count) Add() { c.add(1) }

// GiveUp lets go whoever waits, now or later: what it waits for will not be done.
func (c *Count) GiveUp() { c.add(1 << 48) }

// Await returns once the count is n. One thread at a time waits.
func (c *Count) Await(n int) {
	for c.n.Load() < int64(n) {
		c.heard = C.oc_await(c.bell, c.heard)
	}
}

func (c *Count) add(n int64) {
	c.n.Add(n)
	C.oc_ring(c.bell)
}
