package experiments

import (
	"fmt"
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

// renew drops the checkpoints of a run that was measured otherwise than p wants, or whose measurements are gone: going on
// from them would leave rows missing.
func renew(dir string, p Planned) error {
	_, lost := os.Stat(filepath.Join(dir, shardFile))
	old, _, err := assigned(dir)
	if lost == nil && err == nil && reflect.DeepEqual(probing(old.Config), probing(p.Config)) {
		return nil
	}
	return os.RemoveAll(filepath.Join(dir, "checkpoints"))
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
