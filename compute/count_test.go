package compute

import (
	"testing"
	"time"
)

// TestCount: a waiter sees writes made before the count, whether it is spinning or asleep, and GiveUp releases it.
func TestCount(t *testing.T) {
	const n = 1000
	c, there := NewCount(), make(chan bool)
	written := make([]int, n)
	go func() {
		defer close(there)
		for i := range n {
			c.Await(i + 1)
			if written[i] != i+1 {
				t.Errorf("the count is %[2]d, the value written %[1]d", written[i], i+1)
			}
		}
		c.Await(n + 2)
	}()
	for i := range n {
		if i%200 == 0 {
			time.Sleep(time.Millisecond) // the waiter is asleep by now
		}
		written[i] = i + 1
		c.Add()
	}
	c.Add()
	select {
	case <-there:
		t.Errorf("Await(%d) returned at a count of %d", n+2, n+1)
	case <-time.After(10 * time.Millisecond):
	}
	c.GiveUp()
	<-there
	c.Await(1 << 40)
	if allocs := testing.AllocsPerRun(100, func() { c.Add(); c.Await(1) }); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}
