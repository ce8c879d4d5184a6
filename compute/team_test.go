package compute

import (
	"runtime"
	"slices"
	"testing"
	"time"
)

func TestTeamRunsEachItemOnce(t *testing.T) {
	for _, threads := range []int{1, 2, 3} {
		team := NewTeam(threads)
		for _, n := range []int{0, 1, 2, 7} {
			calls, by := make([]int, n), make([]int, threads)
			for run := range 1000 {
				slow := run%50 == 0
				if slow {
					time.Sleep(time.Millisecond) // the others are asleep by now
				}
				team.Run(n, func(thread, i int) {
					calls[i]++
					by[thread]++
					if slow && thread > 0 {
						time.Sleep(time.Millisecond) // and so does the caller
					}
				})
			}
			if slices.ContainsFunc(calls, func(c int) bool { return c != 1000 }) {
				t.Errorf("%d threads, %d items: called %v times in 1,000 runs, %v by thread", threads, n, calls, by)
			}
		}
		team.Close()
	}
}

// TestTeamPanics: a panic in any item, on any thread, comes out of Run, and the team still works.
func TestTeamPanics(t *testing.T) {
	team := NewTeam(2)
	defer team.Close()
	for item := range 2 {
		func() {
			defer func() {
				if got := recover(); got != "fault" {
					t.Errorf("item %d: recovered %v, want its panic", item, got)
				}
			}()
			team.Run(2, func(_, i int) {
				if i == item {
					panic("fault")
				}
			})
		}()
	}
	sum := make([]int, 2)
	team.Run(2, func(_, i int) { sum[i] = i + 1 })
	if sum[0]+sum[1] != 3 {
		t.Errorf("after a panic the team computed %v", sum)
	}
}

func TestTeamSteadyState(t *testing.T) {
	team := NewTeam(2)
	defer team.Close()
	work := func(int, int) {}
	team.Run(2, work)
	before := runtime.NumGoroutine()
	if n := testing.AllocsPerRun(100, func() { team.Run(2, work) }); n != 0 {
		t.Errorf("a run allocates %g times", n)
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines after, %d before", after, before)
	}
}
