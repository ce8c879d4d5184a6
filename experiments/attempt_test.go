package experiments

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

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
}

// crashes names the environment variable that makes the test binary crash in that way.
const crashes = "OUTCROP_TEST_CRASH"

// crash ends this process as workers have been seen to end.
func crash(how string) {
	switch how {
	case "killed":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		time.Sleep(time.Minute)
	case "panic":
		panic(strings.Repeat("long ", 1000) + "the end")
	case "panic for memory":
		panic(fmt.Errorf("compute: 388 MiB of memory: %w, %s", syscall.ENOMEM, strings.Repeat("long ", 1000)))
	case "memory":
		fmt.Println(len(make([]byte, 1<<46)))
	case "segmentation":
		_ = syscall.Kill(os.Getpid(), syscall.SIGSEGV)
		time.Sleep(time.Minute)
	case "file cut short":
		f, err := os.CreateTemp("", "outcrop")
		if err == nil {
			defer func() { _ = os.Remove(f.Name()) }()
			err = f.Truncate(1 << 20)
		}
		if err != nil {
			panic(err)
		}
		mapped, err := syscall.Mmap(int(f.Fd()), 0, 1<<20, syscall.PROT_READ, syscall.MAP_SHARED)
		if err = errors.Join(err, f.Truncate(0)); err != nil {
			panic(err)
		}
		fmt.Println(mapped[5000])
	case "silent":
		os.Exit(7)
	case "input":
		_, _ = fmt.Fprintln(os.Stderr, "outcrop: x.yaml:1:2: wants a map")
		os.Exit(2)
	}
}

// ending is one way for a worker to end.
type ending struct {
	how, cause, reported string
	outOfMemory          bool
	want                 string // in its error
}

// However a worker ends, its error is what it said, without stacks and without Go's words for the end of a process.
func TestCrashes(t *testing.T) {
	for _, c := range []ending{
		{how: "killed", cause: folder.CauseTransient, want: "the worker was killed (SIGKILL)"},
		{how: "killed", cause: folder.CauseTransient, outOfMemory: true, want: "the kernel killed the worker"},
		{how: "panic", want: "the worker crashed: panic: long"},
		{how: "panic for memory", cause: folder.CauseTransient, want: "the worker ran out of memory: use fewer --jobs"},
		{how: "segmentation", cause: folder.CauseTransient, want: "crashed: it could not access its memory"},
		{how: "file cut short", cause: folder.CauseTransient, want: "a file that it had mapped was cut short"},
		{how: "silent", want: "the worker ended with exit code 7, and without a word"},
		{how: "input", cause: folder.CauseInput, reported: folder.CauseInput, want: "x.yaml:1:2: wants a map"},
	} {
		c.test(t)
	}
}

// The race detector cannot run in little memory, so this way has a test of its own.
func TestCrashForMemory(t *testing.T) {
	ending{how: "memory", cause: folder.CauseTransient, want: "the worker ran out of memory: use fewer --jobs"}.test(t)
}

func (c ending) test(t *testing.T) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashes+"="+c.how)
	var complaint strings.Builder
	cmd.Stderr = &complaint
	err := workerError(cmd.Run(), c.reported, complaint.String(), c.outOfMemory)
	var f *failure
	if !errors.As(err, &f) || f.cause != c.cause || !strings.Contains(err.Error(), c.want) {
		t.Errorf("%s: cause %q, want %q with %q: %v", c.how, f.cause, c.cause, c.want, err)
		return
	}
	for _, never := range []string{"goroutine ", "exit status", "signal: ", "outcrop: "} {
		if strings.Contains(err.Error(), never) {
			t.Errorf("%s: %q stands in %v", c.how, never, err)
		}
	}
	if len(err.Error()) > 2500 {
		t.Errorf("%s: the message has %d bytes", c.how, len(err.Error()))
	}
}
