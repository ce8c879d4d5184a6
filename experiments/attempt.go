package experiments

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/outcrop-lab/outcrop/experiments/folder"
	"github.com/outcrop-lab/outcrop/experiments/machine"
	"github.com/outcrop-lab/outcrop/experiments/run"
	"github.com/outcrop-lab/outcrop/experiments/todo"
	"github.com/outcrop-lab/outcrop/plain"
	"github.com/outcrop-lab/outcrop/store"
)

// failure is a worker's error with its cause, one of the causes of package folder.
type failure struct {
	cause string
	error
}

func (f *failure) Unwrap() error { return f.error }

// failed turns an error of this process into a failure.
func failed(err error) error { return &failure{folder.CauseOf(err), err} }

// do measures a run if its checkpoints suffice. Otherwise, and if the checkpoints turn out to be damaged, it trains the
// run.
func (c *coordinator) do(ctx context.Context, r *running) error {
	old, there, err := c.db.RunByID(r.ID)
	if err != nil {
		return err
	}
	if len(r.measure) > 0 {
		r.Measure = &run.Measuring{Steps: r.measure, Status: old.Status, Step: old.Step, Error: old.Error,
			Params: old.Params}
		err := c.work(ctx, r)
		if err == nil || ctx.Err() != nil {
			return nil // the rows measured so far are kept; the others are still missing
		}
		if f := new(failure); errors.As(err, &f) && (passes(f.cause)) {
			return err
		}
		c.event(folder.Event{Run: r.ID, Step: old.Step, Steps: old.Steps,
			Status: "trained again, because it cannot be measured: " + err.Error()})
		r.Measure = nil
	}
	if err := c.prepare(r, there); err != nil {
		return failed(err)
	}
	return c.work(ctx, r)
}

// prepare makes a run's folder ready for training, with the folder locked. there says that the run is stored.
func (c *coordinator) prepare(r *running, there bool) error {
	lock, err := folder.TryLock(c.dir(r.ID))
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
	if there { // from here on the shard says the run's status, even if training starts over
		if err := c.db.SetStatus(r.ID, store.Leased, 0, ""); err != nil {
			return err
		}
	}
	return todo.DropUnusable(c.dir(r.ID), r.Planned)
}

// passes reports whether a failure of this cause may pass by itself.
func passes(cause string) bool {
	return cause == folder.CauseFull || cause == folder.CauseHeld || cause == folder.CauseTransient
}

// work runs one worker process to its end.
func (c *coordinator) work(ctx context.Context, r *running) error {
	dir := c.dir(r.ID)
	if err := r.Assign(dir, r.threads); err != nil {
		return failed(err)
	}
	cmd := c.Worker(dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a terminal's Ctrl-C reaches only the coordinator
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	life, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	killed := machine.OutOfMemoryKills()
	if err := cmd.Start(); err != nil {
		return failed(err)
	}
	stop := context.AfterFunc(ctx, func() { _ = life.Close() })
	defer stop()
	defer r.holds.Store(false)
	cause := ""
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var e folder.Event
		switch {
		case json.Unmarshal(lines.Bytes(), &e) != nil:
		case e.Cause != "":
			cause = e.Cause
		case e.Status == folder.Holding:
			r.holds.Store(true)
		default:
			if e.Status == folder.Started {
				c.note(r.ID, store.Running, e.Step, attempt(r.attempts))
				close(r.started)
			}
			c.event(e)
		}
	}
	return workerError(cmd.Wait(), cause, complaint.String(), machine.OutOfMemoryKills() > killed)
}

// attempt says which attempt follows that many failed ones; "" for the first attempt.
func attempt(failed int) string {
	if failed == 0 {
		return ""
	}
	return fmt.Sprintf("attempt %d", failed+1)
}

// workerError says what ended a worker, and what helps. outOfMemory says that the kernel meanwhile killed a process of
// this control group because memory ran out.
func workerError(ended error, cause, complaint string, outOfMemory bool) error {
	if ended == nil {
		return nil
	}
	complaint, crashed := message(complaint)
	said := shortened(complaint)
	var exit *exec.ExitError
	if !errors.As(ended, &exit) {
		return &failure{cause, fmt.Errorf("waiting for the worker: %s: %s", plain.Text(ended), said)}
	}
	transient := func(format string, args ...any) error {
		return &failure{folder.CauseTransient, fmt.Errorf(format, args...)}
	}
	holds := func(words []string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(complaint, w) })
	}
	const less = "use fewer --jobs, or a smaller batch, width or context"
	status, _ := exit.Sys().(syscall.WaitStatus)
	switch {
	case status.Signaled() && status.Signal() == syscall.SIGKILL && outOfMemory:
		return transient("the machine ran out of memory, and the kernel killed the worker (SIGKILL): %s", less)
	case status.Signaled() && status.Signal() == syscall.SIGKILL:
		return transient("the worker was killed (SIGKILL). If nobody killed it, the machine ran out of memory: %s", less)
	case status.Signaled():
		return transient("the worker was killed (%s): %s", unix.SignalName(status.Signal()), said)
	case holds(memoryRefused):
		return transient("the worker ran out of memory: %s (%s)", less, said)
	case crashed && holds(accessFailed):
		return transient("the worker crashed: it could not access its memory, or a file that it had mapped was cut short "+
			"or could not be read (%s)", said)
	case crashed:
		return &failure{cause, fmt.Errorf("the worker crashed: %s", said)}
	case said == "":
		return &failure{cause, fmt.Errorf("the worker ended with exit code %d, and without a word", exit.ExitCode())}
	}
	return &failure{cause, errors.New(said)}
}

// memoryRefused are the words of the system, and of Go's runtime, for memory that they could not get.
var memoryRefused = []string{"cannot allocate memory", "out of memory", "failed to reserve", "pthread_create failed"}

// accessFailed are the words of Go's runtime for a signal that an access to memory raised.
var accessFailed = []string{"SIGSEGV: ", "SIGBUS: ", "[signal SIGSEGV", "[signal SIGBUS", "unexpected fault address"}

// message returns what a worker said on its standard error. If Go crashed, which is what crashed reports, it leaves out
// the goroutines' stacks, which follow.
func message(complaint string) (said string, crashed bool) {
	for _, stacks := range []string{"\n\ngoroutine ", "\n\nruntime stack:"} {
		before, _, found := strings.Cut(complaint, stacks)
		complaint, crashed = before, crashed || found
	}
	return strings.TrimPrefix(strings.TrimSpace(complaint), "outcrop: "), crashed
}

// shortened cuts out the middle of a text that is longer than 2,000 bytes: what was wrong stands at one of its ends.
func shortened(text string) string {
	const end = 1000
	if len(text) <= 2*end {
		return text
	}
	return strings.ToValidUTF8(text[:end], "") + " … " + strings.ToValidUTF8(text[len(text)-end:], "")
}

// retry requeues a run that failed for a cause that may pass, and reports whether it did. If the disk is full, it waits
// for room first, and the failure does not count as an attempt; for other causes the pause doubles with each attempt.
func (c *coordinator) retry(ctx context.Context, o outcome, step int, fault error) (again bool, err error) {
	var f *failure
	if !errors.As(fault, &f) || o.asked != nil {
		return false, nil
	}
	j := o.job
	j.told = ""
	switch {
	case f.cause == folder.CauseFull:
		folder.RemovePartial(c.dir(j.ID))
		if err := c.awaitRoom(ctx, c.need(j), fault); err != nil {
			return false, err
		}
	case f.cause == folder.CauseTransient && j.attempts < c.Retries:
		pause := min(time.Second<<j.attempts, time.Minute)
		j.attempts++
		j.after = time.Now().Add(pause)
		message := fmt.Sprintf("attempt %d of %d failed; the next starts in %v: %v", j.attempts, c.Retries+1, pause, fault)
		c.note(j.ID, store.Failed, step, message)
		c.event(folder.Event{Run: j.ID, Step: step, Steps: j.Config.Train.Steps, Status: "retried", Message: message})
	default:
		return false, nil
	}
	c.waiting = append(c.waiting, j)
	return true, nil
}
