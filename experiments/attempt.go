package experiments

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/outcrop-lab/outcrop/store"
)

// What a worker's failure comes from, as far as it decides whether it is tried again.
const (
	causeInput     = "input"     // it would fail again
	causeFull      = "full"      // no room on the disk
	causeTransient = "transient" // it may be gone at the next attempt
)

// failure is an error of a worker with its cause, "" where it is none of these.
type failure struct {
	cause string
	error
}

func (f *failure) Unwrap() error { return f.error }

// do measures a run from its checkpoints where that is enough, and trains it otherwise; also where the checkpoints turn
// out damaged.
func (c *coordinator) do(ctx context.Context, r *running) error {
	old, there, err := c.db.RunByID(r.ID)
	if err != nil {
		return err
	}
	if len(r.measure) > 0 {
		err := remeasure(ctx, c.dir(r.ID), r.Planned, old, r.measure, r.threads, nil)
		if err == nil || ctx.Err() != nil {
			return nil // what was measured is kept; the rest is lacking still
		}
		if cause := causeOf(err); cause == causeFull {
			return &failure{cause, err}
		}
		c.event(Event{Run: r.ID, Step: old.Step, Steps: old.Steps, Status: "trained again, for it cannot be measured: " + err.Error()})
	}
	if there { // what the shard says of the run is taken from here on, also where the run begins again
		if err := c.db.SetStatus(r.ID, store.Leased, 0, ""); err != nil {
			return &failure{causeOf(err), err}
		}
	}
	return c.work(ctx, r)
}

// work runs one worker process to its end.
func (c *coordinator) work(ctx context.Context, r *running) error {
	dir := c.dir(r.ID)
	if err := renew(dir, r.Planned); err != nil {
		return &failure{causeOf(err), err}
	}
	if err := assign(dir, r.Planned, r.threads); err != nil {
		return &failure{causeOf(err), err}
	}
	cmd := c.Worker(dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a terminal's Ctrl-C reaches the coordinator alone
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
	killed := outOfMemoryKills()
	if err := cmd.Start(); err != nil {
		return &failure{causeOf(err), err}
	}
	stop := context.AfterFunc(ctx, func() { _ = life.Close() })
	defer stop()
	cause := ""
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var e Event
		switch {
		case json.Unmarshal(lines.Bytes(), &e) != nil:
		case e.Cause != "":
			cause = e.Cause
		default:
			if e.Status == "started" {
				c.note(r.ID, store.Running, e.Step, attempt(r.attempts))
				close(r.started)
			}
			c.event(e)
		}
	}
	return workerError(cmd.Wait(), cause, strings.TrimSpace(complaint.String()), outOfMemoryKills() > killed)
}

// attempt says which attempt this is; nothing of the first.
func attempt(failed int) string {
	if failed == 0 {
		return ""
	}
	return fmt.Sprintf("attempt %d", failed+1)
}

// workerError says what ended a worker and, of a signal, what helps. outOfMemory says that the kernel killed a process of
// this group for its memory meanwhile.
func workerError(ended error, cause, complaint string, outOfMemory bool) error {
	if ended == nil {
		return nil
	}
	if complaint != "" {
		complaint = ": " + complaint[max(0, len(complaint)-2000):]
	}
	var exit *exec.ExitError
	if !errors.As(ended, &exit) {
		return &failure{cause, fmt.Errorf("%w%s", ended, complaint)}
	}
	const goesOn = "it goes on from its last checkpoint: outcrop retry --failed SWEEP"
	status, _ := exit.Sys().(syscall.WaitStatus)
	switch {
	case status.Signaled() && status.Signal() == syscall.SIGKILL && outOfMemory:
		return &failure{causeTransient, fmt.Errorf("the kernel killed its worker with SIGKILL, for memory ran out: fewer --jobs, or a smaller batch, width or context, take less; %s", goesOn)}
	case status.Signaled() && status.Signal() == syscall.SIGKILL:
		return &failure{causeTransient, fmt.Errorf("its worker was killed by SIGKILL, as the kernel does when memory runs out: if nobody did, fewer --jobs take less; %s", goesOn)}
	case status.Signaled():
		return &failure{causeTransient, fmt.Errorf("its worker was killed by %s (%w); %s%s", unix.SignalName(status.Signal()), ended, goesOn, complaint)}
	case cause == "" && (strings.Contains(complaint, "cannot allocate memory") || strings.Contains(complaint, "out of memory")):
		return &failure{causeTransient, fmt.Errorf("its worker ran out of memory: fewer --jobs, or a smaller batch, width or context, take less (%w%s)", ended, complaint)}
	}
	return &failure{cause, fmt.Errorf("%w%s", ended, complaint)}
}

// causeOf sorts an error of this process.
func causeOf(err error) string {
	var input *InputError
	switch {
	case errors.As(err, &input):
		return causeInput
	case store.IsFull(err):
		return causeFull
	case store.IsTransient(err), errors.Is(err, errHeld):
		return causeTransient
	}
	for _, passing := range []syscall.Errno{syscall.EIO, syscall.ENOMEM, syscall.EAGAIN, syscall.EMFILE, syscall.ENFILE, syscall.ETIMEDOUT, syscall.ESTALE} {
		if errors.Is(err, passing) {
			return causeTransient
		}
	}
	return ""
}

// retry has a run wait that failed for a cause that may pass: for room where the disk is full, which counts as no attempt,
// and twice as long each time for others.
func (c *coordinator) retry(ctx context.Context, o outcome, step int, fault error) (again bool, err error) {
	var f *failure
	if !errors.As(fault, &f) || o.asked != nil {
		return false, nil
	}
	j := o.job
	j.told = ""
	switch {
	case f.cause == causeFull:
		removePartial(c.dir(j.ID))
		if err := c.awaitRoom(ctx, c.need(j), fault); err != nil {
			return false, err
		}
	case f.cause == causeTransient && j.attempts < c.Retries:
		pause := min(time.Second<<j.attempts, time.Minute)
		j.attempts++
		j.after = time.Now().Add(pause)
		message := fmt.Sprintf("attempt %d of %d failed and the next comes in %v: %v", j.attempts, c.Retries+1, pause, fault)
		c.note(j.ID, store.Failed, step, message)
		c.event(Event{Run: j.ID, Step: step, Steps: j.Config.Train.Steps, Status: "retried", Message: message})
	default:
		return false, nil
	}
	c.waiting = append(c.waiting, j)
	return true, nil
}
