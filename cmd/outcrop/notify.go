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
	"github.com/outcrop-lab/outcrop/settings"
)

// notifyWithin is how long a notification may take.
const notifyWithin = time.Minute

// notify runs the user's command when a sweep has ended, with its outcome in the environment. What it prints goes to standard
// error; its failure is a warning. A sweep that never began is none.
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
	}{{"SWEEP", sweep}, {"STATUS", status}, {"DONE", sum.Done}, {"DIVERGED", sum.Diverged}, {"STOPPED", sum.Stopped}, {"EARLY", sum.Early}, {"FAILED", sum.Failed},
		{"KEPT", sum.Kept}, {"RESULTS", s.Results}} {
		cmd.Env = append(cmd.Env, fmt.Sprintf("OUTCROP_%s=%v", v.name, v.value))
	}
	if err := cmd.Run(); err != nil {
		s.log.Warn(fmt.Sprintf("the notification failed: %s: %v", s.Notify, err))
	}
}

// took says, where that is wanted, how long a part took, and starts the clock for the next one.
func (s *preferences) took(clock *time.Time, what string) {
	now := time.Now()
	s.log.Debug(fmt.Sprintf("%s in %v", what, now.Sub(*clock).Round(time.Millisecond)))
	*clock = now
}
