package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain makes the test binary the program, worker processes included: called by its name or with a verb, it is
// outcrop.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-") {
		main()
	}
	testscript.Main(tests{m}, map[string]func(){"outcrop": main})
}

// tests keeps the measurement of the machine in one folder, for all the processes that the tests start.
type tests struct{ *testing.M }

func (m tests) Run() int {
	cache, err := os.MkdirTemp("", "outcrop-test")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(cache) }()
	if err := os.Setenv("XDG_CACHE_HOME", cache); err != nil {
		panic(err)
	}
	return m.M.Run()
}

// process is outcrop, running in its own process.
type process struct {
	*exec.Cmd
	out, err text
}

// text holds what a process has written so far.
type text struct {
	mutex   sync.Mutex
	written bytes.Buffer
}

func (w *text) Write(b []byte) (int, error) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.written.Write(b)
}

func (w *text) String() string {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.written.String()
}

// says waits until the process has written words to standard error.
func (p *process) says(t *testing.T, words string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !strings.Contains(p.err.String(), words); {
		if time.Now().After(deadline) {
			t.Fatalf("%q was not written within a minute: %s", words, p.err.String())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func start(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(os.Args[0], args...)}
	p.Stdout, p.Stderr = &p.out, &p.err
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Process.Kill() })
	return p
}

// exit waits until the process ends, and returns its exit code.
func (p *process) exit(t *testing.T) int {
	t.Helper()
	err := p.Wait()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		t.Fatal(err)
	}
	return p.ProcessState.ExitCode()
}

// training waits until a worker has created its shard, which means that it trains.
func training(t *testing.T, results string) {
	t.Helper()
	for range 1000 {
		if found, _ := filepath.Glob(filepath.Join(results, "runs", "*", "run.db")); len(found) > 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("nothing trains after ten seconds")
}

func (p *process) interrupt(t *testing.T) {
	t.Helper()
	if err := p.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
}

// A sweep is stopped by Ctrl-C and continued by the same command. It ends with the figure, byte for byte, of a sweep
// that was not stopped, and a third call trains nothing.
func TestInterruptAndGoOn(t *testing.T) {
	file := sweepFile(t, strings.ReplaceAll(tiny, "STEPS", "4000"))
	whole, parts := t.TempDir(), t.TempDir()
	if code, _, stderr := outcrop(t.Context(), "run", file, "--results", whole); code != exitDone {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	p := start(t, "run", file, "--results", parts)
	training(t, parts)
	p.interrupt(t)
	clock := time.Now()
	if code := p.exit(t); code != exitInterrupted {
		t.Fatalf("exit %d, want %d: %s", code, exitInterrupted, p.err.String())
	}
	// A step takes some ms, so a second should do; the limit allows for other work on the machine.
	if took := time.Since(clock); took > 5*time.Second {
		t.Errorf("stopped after %v", took)
	}
	if !strings.Contains(p.err.String(), "to continue, run: outcrop run "+file+" --results="+parts) {
		t.Errorf("the message does not say how to continue: %s", p.err.String())
	}
	if found, _ := filepath.Glob(filepath.Join(parts, "runs", "*", "checkpoints", "step-*",
		"state.json")); len(found) == 0 {
		t.Error("no checkpoint is left to go on from")
	}
	if code, out, stderr := outcrop(t.Context(), "run", file, "--results", parts); code != exitDone ||
		!strings.Contains(out, "report.html") {
		t.Fatalf("exit %d: %s %s", code, out, stderr)
	}
	figure := filepath.Join("sweeps", "tiny", "figures", "emergence.svg")
	want := read(t, filepath.Join(whole, figure))
	if !bytes.Equal(want, read(t, filepath.Join(parts, figure))) {
		t.Error("the resumed sweep's figure differs")
	}
	if _, _, stderr := outcrop(t.Context(), "run", file, "--results", parts); !strings.Contains(stderr,
		"2 of them before") {
		t.Errorf("done runs were trained again: %s", stderr)
	}
	if code, _, stderr := outcrop(t.Context(), "plot", "emergence", "--results", parts); code != exitDone {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	if !bytes.Equal(want, read(t, filepath.Join(parts, figure))) {
		t.Error("the figure drawn again differs")
	}
}

// A second Ctrl-C does not wait for the current step, which takes seconds here.
func TestSecondInterrupt(t *testing.T) {
	results := t.TempDir()
	p := start(t, "run", sweepFile(t, `name: slow
base:
  arch: {layers: 4, width: 256, heads: 4, context: 256}
  train: {steps: 10, batch: 96}
`), "--results", results)
	training(t, results)
	p.interrupt(t)
	time.Sleep(100 * time.Millisecond)
	p.interrupt(t)
	clock := time.Now()
	if code := p.exit(t); code != exitInterrupted {
		t.Fatalf("exit %d, want %d: %s", code, exitInterrupted, p.err.String())
	}
	if took := time.Since(clock); took > time.Second {
		t.Errorf("ended after %v", took)
	}
	if strings.Contains(p.err.String(), "to continue") {
		t.Error("the second Ctrl-C waited for the worker")
	}
	gone(t, results)
}

// gone waits until the workers have unlocked their folders: each ends after its current step.
func gone(t *testing.T, results string) {
	t.Helper()
	locks, err := filepath.Glob(filepath.Join(results, "runs", "*", "lock"))
	if err != nil || len(locks) == 0 {
		t.Fatalf("no worker's lock: %v", err)
	}
	for _, path := range locks {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
			t.Error(err)
		}
		_ = f.Close()
	}
}

// disk mounts a file system of the given size on a folder.
func disk(t *testing.T, size string) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root, to mount a small file system")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("needs a system on which root may mount: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// If the disk fills, the sweep pauses and says so, and Ctrl-C still works. With space again it goes on by itself, and
// ends with the figure of a sweep that was not interrupted.
func TestFullDisk(t *testing.T) {
	file := sweepFile(t, `name: tiny
base:
  arch: {width: 128, heads: 2, context: 16}
  train: {steps: 60, batch: 8}
  probe: {heldout: 16}
  checkpoint: {every: 20, keep: 2}
`)
	whole, results := t.TempDir(), disk(t, "5m") // a checkpoint takes some 5 MB
	if code, _, stderr := outcrop(t.Context(), "run", file, "--results", whole); code != exitDone {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	p := start(t, "run", file, "--results", results)
	p.says(t, "paused: the disk is full; nothing is lost: free")
	p.interrupt(t)
	if code := p.exit(t); code != exitInterrupted || !strings.Contains(p.err.String(), "no space left on device") {
		t.Errorf("Ctrl-C while paused: exit %d, %q", code, p.err.String())
	}
	p = start(t, "run", file, "--results", results)
	p.says(t, "paused: ")
	if err := syscall.Mount("tmpfs", results, "tmpfs", syscall.MS_REMOUNT, "size=100m"); err != nil {
		t.Fatal(err)
	}
	if code := p.exit(t); code != exitDone || !strings.Contains(p.err.String(), "resumed: there is room again") {
		t.Fatalf("with room again: exit %d: %s", code, p.err.String())
	}
	figure := filepath.Join("sweeps", "tiny", "figures", "emergence.svg")
	if !bytes.Equal(read(t, filepath.Join(whole, figure)), read(t, filepath.Join(results, figure))) {
		t.Error("the figure differs from that of a sweep that was not interrupted")
	}
	if left, _ := filepath.Glob(filepath.Join(results, "runs", "*", "*", "*.partial")); len(left) > 0 {
		t.Errorf("half-written: %v", left)
	}
}

// On a disk that has become read-only, nothing can be trained but everything can be read.
func TestReadOnlyDisk(t *testing.T) {
	file := sweepFile(t, strings.ReplaceAll(tiny, "STEPS", "20"))
	results := disk(t, "50m")
	if code, _, stderr := outcrop(t.Context(), "run", file, "--results", results); code != exitDone {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	if err := syscall.Mount("tmpfs", results, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	code, _, stderr := outcrop(t.Context(), "run", file, "--results", results)
	if code != exitFailed || !strings.Contains(stderr, results) || !strings.Contains(stderr, "read-only") {
		t.Errorf("run: exit %d, %q", code, stderr)
	}
	code, out, stderr := outcrop(t.Context(), "plan", file, "--results", results)
	if code != exitDone || strings.Count(out, "done") != 2 {
		t.Errorf("plan: exit %d, %q %q", code, out, stderr)
	}
}
