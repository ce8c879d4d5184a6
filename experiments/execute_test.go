package experiments

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/outcrop-lab/outcrop/experiments/folder"
	"github.com/outcrop-lab/outcrop/experiments/plan"
	"github.com/outcrop-lab/outcrop/experiments/sweep"
	"github.com/outcrop-lab/outcrop/experiments/worker"
	"github.com/outcrop-lab/outcrop/store"
)

// workerDir names the environment variable that makes the test binary a worker of that folder.
const workerDir = "OUTCROP_TEST_WORKER"

func TestMain(m *testing.M) {
	crash(os.Getenv(crashes))
	dir := os.Getenv(workerDir)
	if results := os.Getenv(coordinatorOf); dir == "" && results != "" {
		leaseTime = shortLease
		if err := coordinate(results); err != nil {
			_, _ = fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if dir == "" {
		os.Exit(m.Run())
	}
	if err := worker.Work(context.Background(), dir, os.Stdin, os.Stdout); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_, _ = fmt.Fprintln(os.Stderr, peakMemory()) // getrusage would count the parent's memory at the fork
	os.Exit(0)
}

// peakMemory returns the line of /proc that gives the peak resident memory of this process.
func peakMemory() string {
	status, _ := os.ReadFile("/proc/self/status")
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	line, _, _ := strings.Cut(after, "\n")
	return "VmHWM:" + line
}

// tiny is a sweep of two arms whose runs train in about a second. It is a format of the steps, the steps between
// measurements, and the seeds.
const tiny = `
name: tiny
base:
  arch: {layers: 2, width: 16, heads: 2, context: 16}
  optim: {lr: 1e-2}
  train: {steps: %d, batch: 8}
  probe: {every: {name: steps, n: %d}, sequences: 2, heldout: 4}
  checkpoint: {every: 40, keep: 2}
arms:
  baseline: {}
  scale: {arch: {norm: ssnorm}}
seeds: %d
`

// lab executes sweeps with real worker processes in one results folder.
type lab struct {
	t       *testing.T
	results string
	mutex   sync.Mutex
	workers []*exec.Cmd
	retries int
	starved string // the run whose workers get too little memory to begin
}

func newLab(t *testing.T) *lab { return &lab{t: t, results: t.TempDir()} }

func (l *lab) execute(ctx context.Context, src string, events func(folder.Event)) (Summary, error) {
	l.t.Helper()
	s, err := sweep.LoadBytes("tiny.yaml", []byte(src))
	if err != nil {
		l.t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		l.t.Fatal(err)
	}
	worker := func(dir string) *exec.Cmd {
		cmd := exec.Command(self)
		if l.starved != "" && strings.HasSuffix(dir, l.starved) {
			cmd = exec.Command("sh", "-c", `ulimit -v 400000; exec "$0"`, self) // KiB of address space
		}
		cmd.Env = append(os.Environ(), workerDir+"="+dir)
		l.mutex.Lock()
		l.workers = append(l.workers, cmd)
		l.mutex.Unlock()
		return cmd
	}
	return Execute(ctx, s, Options{Results: l.results, Jobs: 2, Threads: 1, Retries: l.retries, Events: events,
		Worker: worker})
}

func (l *lab) started() int {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return len(l.workers)
}

// rows returns everything measured, except the clock values, and the statuses of the runs.
func (l *lab) rows() (series []store.Series, status []string) {
	l.t.Helper()
	db, err := store.OpenReadOnly(filepath.Join(l.results, "outcrop.db"))
	if err != nil {
		l.t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if err := db.Check(); err != nil {
		l.t.Error(err)
	}
	if conflicts, err := db.Conflicts(); err != nil || len(conflicts) > 0 {
		l.t.Errorf("conflicts %v, %v", conflicts, err)
	}
	if series, err = db.Series(store.Select{}); err != nil {
		l.t.Fatal(err)
	}
	members, err := db.RunsOf("tiny")
	if err != nil {
		l.t.Fatal(err)
	}
	for _, m := range members {
		status = append(status,
			fmt.Sprintf("%s %d %s %d %s", m.Member.Arm, m.Member.Seed, m.Run.Status, m.Run.Step, m.Run.Error))
	}
	return series, status
}

// sameRows compares bit by bit. reflect.DeepEqual would take two NaN for different, but these runs have none.
func sameRows(t *testing.T, a, b []store.Series) {
	t.Helper()
	if len(a) == 0 || !reflect.DeepEqual(a, b) {
		t.Errorf("rows differ: %d and %d series", len(a), len(b))
	}
}

func TestExecute(t *testing.T) {
	src := fmt.Sprintf(tiny, 60, 5, 2)
	l := newLab(t)
	sum, err := l.execute(t.Context(), src, nil)
	if err != nil || sum.Done != 4 || sum.Kept != 0 || sum.Failed != 0 {
		t.Fatalf("%+v, %v", sum, err)
	}
	first, status := l.rows()
	want := []string{"baseline 0 done 60 ", "baseline 1 done 60 ", "scale 0 done 60 ", "scale 1 done 60 "}
	if !slices.Equal(status, want) {
		t.Errorf("status %q, want %q", status, want)
	}
	db, err := store.OpenReadOnly(filepath.Join(l.results, "outcrop.db"))
	if err != nil {
		t.Fatal(err)
	}
	fits, err := db.Fits(store.Select{})
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	best := 0
	for _, f := range fits {
		if f.Best {
			best++
		}
	}
	if best != 4*2 { // runs by layers
		t.Errorf("%d best fits, want 8", best)
	}

	// Nothing is done twice.
	if sum, err = l.execute(t.Context(), src, nil); err != nil || sum.Kept != 4 || l.started() != 4 {
		t.Errorf("second time: %+v, %v, %d workers", sum, err, l.started())
	}
	again, _ := l.rows()
	sameRows(t, first, again)

	// More probe points are measured under the same ids; the rows that were there keep their bits.
	if sum, err = l.execute(t.Context(), fmt.Sprintf(tiny, 60, 4, 2), nil); err != nil || sum.Done != 4 || sum.Kept != 0 {
		t.Errorf("with other probe steps: %+v, %v", sum, err)
	}
	more, _ := l.rows()
	if len(more) != len(first) || len(more[0].Steps) <= len(first[0].Steps) || !slices.Contains(more[0].Steps, 4) {
		t.Errorf("steps %v, want those of 4 and of 5", more[0].Steps)
	}

	// A lost database is made again from the runs' folders.
	for _, f := range []string{"outcrop.db", "outcrop.db-wal", "outcrop.db-shm"} {
		if err := os.Remove(filepath.Join(l.results, f)); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	if sum, err = l.execute(t.Context(), fmt.Sprintf(tiny, 60, 4, 2), nil); err != nil || sum.Done != 4 {
		t.Errorf("after the loss of the database: %+v, %v", sum, err)
	}
	restored, _ := l.rows()
	sameRows(t, more, restored)
}

// A run that is stopped, or whose worker is killed, goes on and ends with the bits of an undisturbed run. A killed
// worker takes no other run with it.
func TestInterruption(t *testing.T) {
	src := fmt.Sprintf(tiny, 300, 20, 1)
	alone := newLab(t)
	if _, err := alone.execute(t.Context(), src, nil); err != nil {
		t.Fatal(err)
	}
	want, _ := alone.rows()

	l := newLab(t)
	ctx, cancel := context.WithCancel(t.Context())
	sum, err := l.execute(ctx, src, func(e folder.Event) {
		if e.Status == "running" && e.Step > 0 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || sum.Stopped != 2 {
		t.Fatalf("stopped: %+v, %v", sum, err)
	}
	if _, status := l.rows(); strings.Count(strings.Join(status, ""), " stopped ") != 2 {
		t.Errorf("status %q, want both stopped", status)
	}

	killed := ""
	sum, err = l.execute(t.Context(), src, func(e folder.Event) {
		if killed != "" || e.Status != "running" {
			return
		}
		l.mutex.Lock()
		defer l.mutex.Unlock()
		for _, cmd := range l.workers[2:] {
			if strings.HasSuffix(cmd.Env[len(cmd.Env)-1], e.Run) && cmd.Process != nil {
				killed = e.Run
				if err := syscall.Kill(cmd.Process.Pid, syscall.SIGKILL); err != nil {
					t.Error(err)
				}
			}
		}
	})
	if err != nil || sum.Failed != 1 || sum.Done != 1 || len(sum.Errors) != 1 ||
		!strings.Contains(sum.Errors[0], "killed") {
		t.Fatalf("killed: %+v, %v", sum, err)
	}
	if sum, err = l.execute(t.Context(), src, nil); err != nil || sum.Done != 2 || sum.Kept != 1 {
		t.Fatalf("after the kill: %+v, %v", sum, err)
	}
	got, status := l.rows()
	if want := []string{"baseline 0 done 300 ", "scale 0 done 300 "}; !slices.Equal(status, want) {
		t.Errorf("status %q, want %q", status, want)
	}
	sameRows(t, want, got)
}

// A worker that cannot write fails its own run with its error message, and no other run.
func TestWorkerThatFails(t *testing.T) {
	src := fmt.Sprintf(tiny, 20, 5, 1)
	l := newLab(t)
	planned := planOf(t, src)
	// A folder in the shard's place cannot be opened as a file, not even by root.
	if err := os.MkdirAll(filepath.Join(l.results, "runs", planned[0].ID, "log.jsonl"), 0o777); err != nil {
		t.Fatal(err)
	}
	sum, err := l.execute(t.Context(), src, nil)
	if err != nil || sum.Done != 1 || sum.Failed != 1 || !strings.Contains(sum.Errors[0], "log.jsonl: is a directory") {
		t.Fatalf("%+v, %v", sum, err)
	}
	if _, status := l.rows(); !strings.Contains(status[0], " failed ") || !strings.Contains(status[0], "log.jsonl") ||
		!strings.Contains(status[1], " done ") {
		t.Errorf("status %q, want the first failed with its cause, the second done", status)
	}
}

func TestResultsThatCannotBeWritten(t *testing.T) {
	l := newLab(t)
	l.results = filepath.Join(l.results, "file")
	if err := os.WriteFile(l.results, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := l.execute(t.Context(), fmt.Sprintf(tiny, 20, 5, 1), nil); err == nil ||
		!strings.Contains(err.Error(), "results folder") || !strings.Contains(err.Error(), l.results) {
		t.Errorf("got %v, want the folder named", err)
	}
	l.results = t.TempDir()
	garbage := []byte(strings.Repeat("no database ", 99))
	if err := os.WriteFile(filepath.Join(l.results, "outcrop.db"), garbage, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := l.execute(t.Context(), fmt.Sprintf(tiny, 20, 5, 1), nil); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("got %v, want store.ErrCorrupt", err)
	}
}

func planOf(t testing.TB, src string) []plan.Planned {
	t.Helper()
	s, err := sweep.LoadBytes("s.yaml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	planned, err := plan.Of(s, "cpu")
	if err != nil {
		t.Fatal(err)
	}
	return planned
}
