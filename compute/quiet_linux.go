package compute

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// slack is by how much, in nanoseconds, the system may put off what a thread sleeps for.
const slack = 5_000_000

// Quiet keeps Go's monitor from the threads that compute, and must come first in a process that trains: it begins the process
// anew, with the same arguments, environment and open files, and returns there. The monitor sleeps for 20 us at a time while calls
// into C last long, and then takes their processor, and some 10 us of a core, away. With timers that may be late, which a new
// program inherits and the monitor's thread so has from the start, it sleeps as long as those; with one processor more than
// there are cores it finds nothing to take. On two threads a step took 2.04 ms for 2.95, and 27.8 for 33.8 (sizes a and b of bench/step).
func Quiet() {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if late() {
		return
	}
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, slack, 0, 0, 0)
	if program, err := os.Executable(); err == nil && late() { // never so under a real-time scheduler
		_ = unix.Exec(program, os.Args, os.Environ()) // where it cannot, the process goes on as it is
	}
}

// late tells whether this thread's timers may be late.
func late() bool {
	by, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	return err == nil && by >= slack
}
