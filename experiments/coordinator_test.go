package experiments

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/outcrop-lab/outcrop/experiments/folder"
	"github.com/outcrop-lab/outcrop/experiments/sweep"
	"github.com/outcrop-lab/outcrop/store"
)

// coordinatorOf names the environment variable that makes the test binary a coordinator in that results folder. It
// reads the sweep from standard input and prints its Summary.
const coordinatorOf = "OUTCROP_TEST_COORDINATOR"

func coordinate(results string) error {
	src, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	s, err := sweep.LoadBytes("tiny.yaml", src)
	if err != nil {
		return err
	}
	sum, err := Execute(context.Background(), s,
		Options{Results: results, Jobs: 2, Threads: 1, Worker: func(dir string) *exec.Cmd {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), workerDir+"="+dir)
			return cmd
		}})
	return errors.Join(err, json.NewEncoder(os.Stdout).Encode(sum))
}

// process runs Execute in a process of its own.
type process struct {
	*exec.Cmd
	out, err bytes.Buffer
}

func (l *lab) coordinator(src string) *process {
	l.t.Helper()
	p := &process{Cmd: exec.Command(os.Args[0])}
	p.Env = append(os.Environ(), coordinatorOf+"="+l.results)
	p.Stdin, p.Stdout, p.Stderr = strings.NewReader(src), &p.out, &p.err
	if err := p.Start(); err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { _ = p.Process.Kill() })
	return p
}

func (p *process) summary(t *testing.T) (sum Summary) {
	t.Helper()
	if err := p.Wait(); err != nil {
		t.Fatalf("%v: %s", err, p.err.String())
	}
	if err := json.Unmarshal(p.out.Bytes(), &sum); err != nil {
		t.Fatal(err)
	}
	return sum
}

// history returns how often each run had each status, according to its events.
func (l *lab) history() map[string]map[string]int {
	l.t.Helper()
	db, err := store.OpenReadOnly(filepath.Join(l.results, "outcrop.db"))
	if err != nil {
		l.t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	events, err := db.Events("")
	if err != nil {
		l.t.Fatal(err)
	}
	counts := map[string]map[string]int{}
	for _, e := range events {
		if counts[e.Run] == nil {
			counts[e.Run] = map[string]int{}
		}
		counts[e.Run][e.Status]++
	}
	if leases, err := db.Leases(); err != nil || len(leases) > 0 {
		l.t.Errorf("leases are left: %v, %v", leases, err)
	}
	return counts
}

// If two coordinators, each a process of its own, execute one sweep, each run is trained once, and both end with all
// runs done. The same holds for two sweeps that share runs.
func TestTwoCoordinators(t *testing.T) {
	one := fmt.Sprintf(tiny, 150, 25, 4)
	other := strings.Replace(strings.Replace(one, "name: tiny", "name: other", 1), "seeds: 4", "seeds: [2, 3, 4]", 1)
	alone := newLab(t)
	if _, err := alone.execute(t.Context(), one, nil); err != nil {
		t.Fatal(err)
	}
	want, _ := alone.rows()
	for _, c := range []struct {
		name        string
		first, last string
		runs        int // together
		done        [2]int
	}{{"one sweep", one, one, 8, [2]int{8, 8}}, {"sweeps that share runs", one, other, 10, [2]int{8, 6}}} {
		l := newLab(t)
		a, b := l.coordinator(c.first), l.coordinator(c.last)
		sums := [2]Summary{a.summary(t), b.summary(t)}
		for i, sum := range sums {
			if sum.Done != c.done[i] || sum.Failed+sum.Stopped+sum.Diverged != 0 {
				t.Errorf("%s: coordinator %d: %+v, want %d done", c.name, i, sum, c.done[i])
			}
		}
		shared := c.done[0] + c.done[1] - c.runs
		if kept := sums[0].Kept + sums[1].Kept; kept != shared {
			t.Errorf("%s: %d runs were done by the other, want %d", c.name, kept, shared)
		}
		counts := l.history()
		if len(counts) != c.runs {
			t.Errorf("%s: %d runs have a history, want %d", c.name, len(counts), c.runs)
		}
		for run, n := range counts {
			if n[store.Running] != 1 || n[store.Done] != 1 {
				t.Errorf("%s: run %.12s: %v, want it trained once", c.name, run, n)
			}
		}
		got, _ := l.rows()
		got = slices.DeleteFunc(got, func(s store.Series) bool {
			return !slices.ContainsFunc(want, func(w store.Series) bool { return w.Run == s.Run })
		})
		sameRows(t, want, got)
	}
}

// The runs of a killed coordinator are lost. The next coordinator takes them over at once and continues from their
// checkpoints, to the bits of an undisturbed sweep.
func TestKilledCoordinator(t *testing.T) {
	src := fmt.Sprintf(tiny, 400, 20, 1)
	alone := newLab(t)
	if _, err := alone.execute(t.Context(), src, nil); err != nil {
		t.Fatal(err)
	}
	want, _ := alone.rows()
	l := newLab(t)
	p := l.coordinator(src)
	planned := planOf(t, src)
	deadline := time.Now().Add(time.Minute)
	for {
		found, _ := filepath.Glob(filepath.Join(l.results, "runs", "*", "checkpoints", "step-*", "state.json"))
		if len(found) > 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("no checkpoint after a minute")
		}
		time.Sleep(5 * time.Millisecond)
	}
	if err := p.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.Wait() // it was killed
	db, err := store.OpenReadOnly(filepath.Join(l.results, "outcrop.db"))
	if err != nil {
		t.Fatal(err)
	}
	leases, err := db.Leases()
	if err != nil || len(leases) == 0 {
		t.Fatalf("leases %v, %v", leases, err)
	}
	for _, lease := range leases {
		if got := store.StatusOf(store.Running, lease, time.Now()); got != store.Lost {
			t.Errorf("run %.12s is %s", lease.Run, got)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	tasks := ""
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		tasks = strings.Join(l.tasks(src), ", ")
		if !strings.Contains(tasks, store.Running) { // the workers have noticed that the coordinator is gone
			break
		}
	}
	sum, err := l.execute(t.Context(), src, nil)
	if err != nil || sum.Done != len(planned) {
		t.Fatalf("%+v, %v", sum, err)
	}
	if !strings.Contains(tasks, "goes on from step") {
		t.Errorf("tasks %s after the kill", tasks)
	}
	got, _ := l.rows()
	sameRows(t, want, got)
	l.history()
}

// A worker that is killed again and again is restarted up to Retries times, each time from its checkpoint, and no other
// run is touched. A run with a bad folder is not tried again.
func TestRetries(t *testing.T) {
	src := fmt.Sprintf(tiny, 300, 20, 1)
	alone := newLab(t)
	if _, err := alone.execute(t.Context(), src, nil); err != nil {
		t.Fatal(err)
	}
	want, _ := alone.rows()
	victim := planOf(t, src)[0].ID
	for _, c := range []struct{ kills, retries int }{{2, 2}, {2, 1}} {
		l := newLab(t)
		l.retries = c.retries
		killed := map[int]bool{}
		var told []string
		sum, err := l.execute(t.Context(), src, func(e folder.Event) {
			if e.Status == "retried" {
				told = append(told, e.Message)
			}
			if e.Run != victim || e.Status != store.Running || len(killed) >= c.kills {
				return
			}
			l.mutex.Lock()
			defer l.mutex.Unlock()
			for _, cmd := range l.workers {
				if strings.HasSuffix(cmd.Env[len(cmd.Env)-1], victim) && cmd.Process != nil && cmd.ProcessState == nil &&
					!killed[cmd.Process.Pid] {
					killed[cmd.Process.Pid] = true
					if err := syscall.Kill(cmd.Process.Pid, syscall.SIGKILL); err != nil {
						t.Error(err)
					}
				}
			}
		})
		if err != nil || len(told) != min(c.kills, c.retries) || !strings.Contains(told[0], "SIGKILL") ||
			!strings.Contains(told[0], fmt.Sprintf("attempt 1 of %d", c.retries+1)) {
			t.Fatalf("%d kills, %d retries: %+v, %v, told %q", c.kills, c.retries, sum, err, told)
		}
		counts := l.history()
		if n := counts[victim]; n[store.Running] != min(c.kills, c.retries)+1 {
			t.Errorf("history %v", n)
		}
		if c.kills > c.retries {
			if sum.Failed != 1 || sum.Done != 1 || !strings.Contains(sum.Errors[0], "fewer --jobs") {
				t.Errorf("%+v, want one failed with what helps", sum)
			}
			continue
		}
		if sum.Done != 2 || sum.Failed != 0 {
			t.Errorf("%+v, want both done", sum)
		}
		got, _ := l.rows()
		sameRows(t, want, got)
	}

	l := newLab(t)
	l.retries = 3
	// A folder where the log belongs: the log cannot be opened.
	if err := os.MkdirAll(filepath.Join(l.results, "runs", victim, folder.Log), 0o777); err != nil {
		t.Fatal(err)
	}
	if sum, err := l.execute(t.Context(), src, nil); err != nil || sum.Failed != 1 || l.started() != 2 {
		t.Errorf("%+v, %v, %d workers, want 2", sum, err, l.started())
	}
}

func TestRequestedStop(t *testing.T) {
	src := fmt.Sprintf(tiny, 2000, 500, 3) // six runs, two at once
	l := newLab(t)
	planned := planOf(t, src)
	var once sync.Once
	sum, err := l.execute(t.Context(), src, func(e folder.Event) {
		if e.Status != store.Running || e.Step == 0 {
			return
		}
		once.Do(func() {
			db, err := store.OpenExisting(filepath.Join(l.results, "outcrop.db"))
			if err == nil {
				var ids []string
				for _, p := range planned[:5] {
					ids = append(ids, p.ID)
				}
				err = errors.Join(db.RequestStop(ids), db.Close())
			}
			if err != nil {
				t.Error(err)
			}
		})
	})
	if err != nil || sum.Stopped != 5 || sum.Done != 1 || l.started() != 3 {
		t.Fatalf("%+v, %v, %d workers: want 5 stopped, 3 of them before they began", sum, err, l.started())
	}
	// One of the two running runs had made a step; the other may have been stopped before its first.
	if got := l.tasks(src); !strings.Contains(got[0]+got[1], "goes on from step") || got[5] != store.Done {
		t.Errorf("tasks %q", got)
	}
	_, status := l.rows()
	if !strings.Contains(status[0], store.Stopped) {
		t.Errorf("status %q", status)
	}
	l.history()
}
