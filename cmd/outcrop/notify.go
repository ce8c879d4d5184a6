package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/outcrop-lab/outcrop/experiments"
	"github.com/outcrop-lab/outcrop/plain"
	"github.com/outcrop-lab/outcrop/settings"
)

// notifyWithin is the longest time that the notification command may take.
const notifyWithin = time.Minute

// notify runs the user's command after a sweep has ended, with the sweep's outcome in the environment. The command's
// output goes to standard error. If the command fails, notify logs a warning. If the sweep was refused as bad input,
// notify does not run the command, because the sweep never began.
func (s *preferences) notify(sweep string, sum experiments.Summary, outcome error, stderr io.Writer) {
	var input *settings.InputError
	if s.Notify == "" || errors.As(outcome, &input) {
		return
	}
	status := "done"
	switch {
	case errors.Is(outcome, errInterrupted):
		status = "interrupted"
	case outcome != nil:
		status = "failed"
	}
	ctx, cancel := context.WithTimeout(context.Background(), notifyWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", s.Notify)
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = stderr, stderr, time.Second
	cmd.Env = os.Environ()
	for _, v := range []struct {
		name  string
		value any
	}{
		{"SWEEP", sweep}, {"STATUS", status}, {"DONE", sum.Done}, {"DIVERGED", sum.Diverged}, {"STOPPED", sum.Stopped},
		{"EARLY", sum.Early}, {"FAILED", sum.Failed}, {"KEPT", sum.Kept}, {"RESULTS", s.Results},
	} {
		cmd.Env = append(cmd.Env, fmt.Sprintf("OUTCROP_%s=%v", v.name, v.value))
	}
	if err := cmd.Run(); err != nil {
		s.log.Warn(fmt.Sprintf("the notification command %s: %s", notifyEnd(ctx, err), s.Notify))
	}
}

// notifyEnd says how the notification command ended.
func notifyEnd(ctx context.Context, err error) string {
	if ctx.Err() != nil {
		return fmt.Sprintf("was stopped, because it had not ended after %v", notifyWithin)
	}
	return plain.Ended(err)
}

// took logs how long a part of the work took and restarts the clock. The log shows it only with --verbose.
func (s *preferences) took(clock *time.Time, what string) {
	now := time.Now()
	s.log.Debug(fmt.Sprintf("%s in %v", what, now.Sub(*clock).Round(time.Millisecond)))
	*clock = now
}
