package experiments

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/outcrop-lab/outcrop/experiments/folder"
	"github.com/outcrop-lab/outcrop/settings"
)

func TestCausesOfFailure(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{&os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}, folder.CauseFull},
		{fmt.Errorf("a: %w", syscall.EDQUOT), folder.CauseFull},
		{fmt.Errorf("a: %w", folder.ErrHeld), folder.CauseHeld},
		{&os.PathError{Err: syscall.EIO}, folder.CauseTransient},
		{settings.Refuse(settings.Fault{File: "x"}), folder.CauseInput},
		{errors.New("another"), ""},
	} {
		if got := folder.CauseOf(c.err); got != c.want {
			t.Errorf("%v comes from %q, want %q", c.err, got, c.want)
		}
	}
	segv := exec.Command("sh", "-c", "kill -SEGV $$").Run()
	c := &coordinator{sweep: "s"}
	err := c.workerError(segv, "", "words", false)
	var f *failure
	if !errors.As(err, &f) || f.cause != folder.CauseTransient || !strings.Contains(err.Error(), "SIGSEGV") ||
		!strings.Contains(err.Error(), "words") || !strings.Contains(err.Error(), "outcrop retry --failed s") {
		t.Errorf("after a signal: %v", err)
	}
	exit := exec.Command("sh", "-c", "exit 2").Run()
	err = c.workerError(exit, "", "panic: compute: 64 MiB of memory: cannot allocate memory", false)
	if !errors.As(err, &f) || f.cause != folder.CauseTransient || !strings.Contains(err.Error(), "fewer --jobs") {
		t.Errorf("out of memory: %v", err)
	}
	crash := "panic: compute: 388 MiB of memory: cannot allocate memory [recovered]\n\ngoroutine 1 [running]:\n" +
		strings.Repeat("main.f(0x1)\n", 400)
	err = c.workerError(exit, "", crash, false)
	if !errors.As(err, &f) || f.cause != folder.CauseTransient || !strings.Contains(err.Error(), "388 MiB") ||
		strings.Contains(err.Error(), "main.f") {
		t.Errorf("a crash for memory: %v", err)
	}
	err = c.workerError(exit, folder.CauseInput, "", false)
	if !errors.As(err, &f) || f.cause != folder.CauseInput {
		t.Errorf("bad input: %v", err)
	}
}
