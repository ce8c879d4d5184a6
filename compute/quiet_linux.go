package compute

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// slack is the timer slack, in nanoseconds: how late the system may wake a sleeping thread.
const slack = 5_000_000

// Quiet keeps Go's monitor thread (sysmon) from disturbing the threads that compute. A process that trains must call
// Quiet first: it executes the program again, with the same arguments, environment and open files, and returns in the
// new process. Without Quiet, the monitor wakes up every 20 us during long calls into C and takes away the processor
// (P) of the calling thread, which costs about 10 us of a core's time. Quiet therefore sets the timer slack to 5 ms.
// The new process inherits this slack, so its monitor thread sleeps for up to 5 ms from the start. Quiet also raises
// GOMAXPROCS by one, above the number of cores, so that the monitor finds no processor to take away. On two threads,
// Quiet cut the time of a step from 2.95 to 2.04 ms (size a of bench/step) and from 33.8 to 27.8 ms (size b).
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
