package experiments

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/outcrop-lab/outcrop/store"
	"github.com/outcrop-lab/outcrop/trainer"
)

// settled tells whether a run has nothing left to do: it is done or diverged, and was measured at every step where the
// plan wants it. One that was measured at fewer steps is trained again under the same id; the same bits come out.
func settled(db *store.DB, p Planned, old store.Run) (bool, error) {
	if old.Status != string(trainer.Done) && old.Status != string(trainer.Diverged) {
		return false, nil
	}
	measured, err := db.Series(store.Select{Run: p.ID, Site: "run", Statistic: "loss"})
	if err != nil || len(measured) != 1 {
		return false, err
	}
	for step := range old.Step + 1 {
		wanted := step == old.Step || p.Config.Probe.Every.Value.At(step)
		if wanted && !slices.Contains(measured[0].Steps, step) {
			return false, nil
		}
	}
	return true, nil
}

// renew drops the checkpoints of a run that cannot go on from them.
func renew(dir string, p Planned) error {
	if resumable(dir, p) {
		return nil
	}
	return os.RemoveAll(filepath.Join(dir, "checkpoints"))
}

// resumable tells whether the run of a folder was measured as p wants, and its measurements are there: going on from
// another's checkpoints would leave rows missing.
func resumable(dir string, p Planned) bool {
	if _, err := os.Stat(filepath.Join(dir, shardFile)); err != nil {
		return false
	}
	old, _, err := assigned(dir)
	return err == nil && reflect.DeepEqual(probing(old.Config), probing(p.Config))
}

// State is what Execute would do with a planned run.
type State struct {
	// Settled is the run's status if there is nothing left to do: "done" or "diverged".
	Settled string
	// From is the step that training starts at.
	From int
}

func (s State) String() string {
	switch {
	case s.Settled != "":
		return s.Settled
	case s.From > 0:
		return fmt.Sprintf("go on from step %d", s.From)
	}
	return "train"
}

// States tells, without changing anything, what Execute would do with each run of a plan in that results folder.
func States(results string, plan []Planned) ([]State, error) {
	states := make([]State, len(plan))
	path := filepath.Join(results, "outcrop.db")
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return states, nil
	}
	db, err := store.OpenReadOnly(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }()
	for i, p := range plan {
		old, there, err := db.RunByID(p.ID)
		if err != nil {
			return nil, err
		}
		if there {
			kept, err := settled(db, p, old)
			if err != nil {
				return nil, err
			}
			if kept {
				states[i].Settled = old.Status
				continue
			}
		}
		if dir := filepath.Join(results, "runs", p.ID); resumable(dir, p) {
			if states[i].From, err = trainer.Newest(dir); err != nil {
				return nil, err
			}
		}
	}
	return states, nil
}

func probing(c trainer.Config) any { return nested(reflect.ValueOf(&c.Probe).Elem()) }

// lock makes this process the only one that works in a run's folder, until it ends. It waits a while for a worker whose
// coordinator was killed, which stops within a step.
func lock(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o666)
	if err != nil {
		return nil, fmt.Errorf("experiments: %w", err)
	}
	for range 100 {
		if err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err == nil {
			return f, nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	_ = f.Close()
	return nil, fmt.Errorf("experiments: %s: another process is training this run: %w", dir, err)
}
