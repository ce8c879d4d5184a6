package compute

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// slack is the timer slack, in nanoseconds: how late the system may wake a sleeping thread.
const slack = 5_000_000

// Quiet keeps Go's monitor (sysmon) from disturbing the threads that compute. A process that trains must call it first:
// it executes the program again, with the same arguments, environment and open files, and returns in the new process.
// During long calls into C the monitor sleeps for 20 us at a time and then takes the calls' processor (P) away, at a
// cost of some 10 us of a core. A new program inherits the timer slack, so its monitor thread has it from the start and
// sleeps that long; with GOMAXPROCS one above the number of cores it finds no processor to take. On two threads a step
// took 2.04 ms instead of 2.95, and 27.8 instead of 33.8 (sizes a and b of bench/step).
func Quiet() {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if late() {
		return
	}
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, slack, 0, 0, 0)
	if program, err := os.Executable(); err == nil && late() { // a real-time scheduler has no slack
		_ = unix.Exec(program, os.Args, os.Environ()) // if that fails, the process continues as it is
	}
}

// late reports whether this thread's timers have the slack.
func late() bool {
	by, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	return err == nil && by >= slack
}
