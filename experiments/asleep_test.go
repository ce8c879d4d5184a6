package experiments

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/outcrop-lab/outcrop/experiments/folder"
	"github.com/outcrop-lab/outcrop/store"
)

// shortLease is the time of a lease in the coordinators that are processes of their own.
const shortLease = 600 * time.Millisecond

// untilTrained waits until each of n runs has a checkpoint.
func (l *lab) untilTrained(n int) {
	l.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		found, _ := filepath.Glob(filepath.Join(l.results, "runs", "*", "checkpoints"))
		if len(found) == n {
			return
		}
		if time.Now().After(deadline) {
			l.t.Fatalf("%d of %d runs have a checkpoint after a minute", len(found), n)
		}
	}
}

// locked returns how many folders of runs are locked.
func (l *lab) locked(src string) (n int) {
	l.t.Helper()
	for _, p := range planOf(l.t, src) {
		held, err := folder.Held(filepath.Join(folder.Runs(l.results), p.ID))
		if err != nil {
			l.t.Fatal(err)
		}
		if held {
			n++
		}
	}
	return n
}

// A coordinator sleeps for longer than its leases last, as on a laptop whose lid is closed. Another one waits for the
// runs whose workers live, and takes over those whose workers have ended. Each run is trained once, and both end with
// all runs done.
func TestCoordinatorAsleep(t *testing.T) {
	for _, c := range []struct {
		name  string
		steps int
		until func(l *lab, src string) bool // when the first one wakes
	}{
		{"workers at work", 12_000, func(*lab, string) bool { return true }},
		{"workers ended meanwhile", 800, func(l *lab, src string) bool { return l.locked(src) == 0 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			src := fmt.Sprintf(tiny, c.steps, 200, 1)
			l := newLab(t)
			a := l.coordinator(src)
			l.untilTrained(2)
			if err := a.Process.Signal(syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * shortLease)
			b := l.coordinator(src)
			for deadline := time.Now().Add(time.Minute); !c.until(l, src); time.Sleep(10 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatal("the workers of a coordinator that sleeps have not ended")
				}
			}
			time.Sleep(3 * shortLease)
			if n := l.locked(src); c.steps > 2500 && n != 2 {
				t.Fatalf("%d workers are at work: the runs are too short for this machine", n)
			}
			if err := a.Process.Signal(syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
			for name, sum := range map[string]Summary{"first": a.summary(t), "second": b.summary(t)} {
				if sum.Done != 2 || sum.Failed+sum.Stopped+sum.Diverged != 0 {
					t.Errorf("the %s coordinator: %+v, want 2 done", name, sum)
				}
			}
			for run, n := range l.history() {
				// A run whose worker ended unseen is begun once more, from its last checkpoint.
				if n[store.Running] > 2 || n[store.Running] > 1 && c.steps > 2500 || n[store.Failed] > 0 {
					t.Errorf("run %.12s: %v, want it trained once, without a failure", run, n)
				}
			}
			want := newLab(t)
			if _, err := want.execute(t.Context(), src, nil); err != nil {
				t.Fatal(err)
			}
			undisturbed, _ := want.rows()
			rows, _ := l.rows()
			sameRows(t, undisturbed, rows)
		})
	}
}

// soon shortens the leases of coordinators in this process.
func soon(t *testing.T) {
	before := leaseTime
	leaseTime = shortLease
	t.Cleanup(func() { leaseTime = before })
}

// with opens a lab's database for one change.
func (l *lab) with(change func(db *store.DB) error) {
	l.t.Helper()
	db, err := store.Open(filepath.Join(l.results, folder.Database))
	if err == nil {
		err = change(db)
	}
	if err == nil {
		err = db.Close()
	}
	if err != nil {
		l.t.Error(err)
	}
}

// stranger is a process on another machine.
func stranger() store.Holder {
	h := store.ThisProcess()
	h.Host, h.PID = "stranger/boot/pid:[1]", 4711
	return h
}

// A lease that somebody else has claimed, before the worker had locked the run's folder, is taken back; the worker goes
// on.
func TestLeaseTakenBack(t *testing.T) {
	soon(t)
	src := fmt.Sprintf(tiny, 2000, 500, 1)
	l := newLab(t)
	var taken bool
	sum, err := l.execute(t.Context(), src, func(e folder.Event) {
		if e.Status != store.Running || taken {
			return
		}
		taken = true
		l.with(func(db *store.DB) error {
			_, err := db.TakeBack(e.Run, stranger(), time.Minute)
			return err
		})
	})
	if err != nil || sum.Done != 2 || sum.Stopped+sum.Failed > 0 || l.started() != 2 {
		t.Fatalf("%+v, %v, %d workers, want 2 done by 2", sum, err, l.started())
	}
	if said := strings.Join(l.messages(), "\n"); !strings.Contains(said, "process 4711 on stranger had claimed it") {
		t.Errorf("the history does not say who had claimed the run:\n%s", said)
	}
	l.history()
}

// messages lists the messages of all events in the histories.
func (l *lab) messages() (all []string) {
	l.t.Helper()
	l.with(func(db *store.DB) error {
		events, err := db.Events("")
		for _, e := range events {
			all = append(all, e.Message)
		}
		return err
	})
	return all
}

// A run whose folder another process has locked is waited for, without a lease too. That is no attempt, even if there
// are none left.
func TestLockedFolderIsElsewhere(t *testing.T) {
	src := fmt.Sprintf(tiny, 60, 20, 1)
	l := newLab(t)
	victim := planOf(t, src)[0].ID
	dir := filepath.Join(folder.Runs(l.results), victim)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	lock, err := folder.Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	sum, err := l.execute(t.Context(), src, func(e folder.Event) {
		if e.Status == "elsewhere" {
			told = append(told, e.Message)
		}
		if e.Run != victim && e.Status == store.Done {
			time.AfterFunc(2*time.Second, func() { _ = lock.Close() })
		}
	})
	if err != nil || sum.Done != 2 || sum.Failed != 0 || len(told) != 1 || !strings.Contains(told[0], "waiting") {
		t.Fatalf("%+v, %v, told %q, want both done, and the reason for waiting once", sum, err, told)
	}
	for run, n := range l.history() {
		if n[store.Running] != 1 || n[store.Failed] != 0 {
			t.Errorf("run %.12s: %v", run, n)
		}
	}
}

// The lease of a machine that died, and whose clock was a day ahead, holds a run no longer than any other.
func TestLeaseOfAClockAhead(t *testing.T) {
	soon(t)
	src := fmt.Sprintf(tiny, 60, 20, 1)
	l := newLab(t)
	l.with(func(db *store.DB) error {
		_, err := db.TakeBack(planOf(t, src)[0].ID, stranger(), 24*time.Hour)
		return err
	})
	var told []string
	sum, err := l.execute(t.Context(), src, func(e folder.Event) {
		if e.Status == "elsewhere" {
			told = append(told, e.Message)
		}
	})
	if err != nil || sum.Done != 2 || len(told) != 1 || !strings.Contains(told[0], "process 4711 on stranger") {
		t.Errorf("%+v, %v, told %q", sum, err, told)
	}
	if said := strings.Join(l.messages(), "\n"); !strings.Contains(said, "no longer renews its lease") {
		t.Errorf("the history does not say who held the run:\n%s", said)
	}
}
