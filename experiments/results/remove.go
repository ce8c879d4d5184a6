package results

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/outcrop-lab/outcrop/experiments/folder"
	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/store"
)

// RemovedRun is a run to be removed, with the size of its folder.
type RemovedRun struct {
	Run   string `json:"run"`
	Arm   string `json:"arm"`
	Seed  uint64 `json:"seed"`
	Bytes int64  `json:"bytes"`
}

// RemovedSweep is a sweep to be removed, with the size of its report and figures.
type RemovedSweep struct {
	Sweep string `json:"sweep"`
	Bytes int64  `json:"bytes"`
}

// KeptRun is a run of a removed sweep that is not removed, because another sweep uses the run.
type KeptRun struct {
	Run   string `json:"run"`
	Sweep string `json:"sweep"` // the other sweep
}

// Removal lists the runs and sweeps that a removal removes, and the runs that it keeps.
type Removal struct {
	Runs   []RemovedRun   `json:"runs"`
	Sweeps []RemovedSweep `json:"sweeps"`
	Kept   []KeptRun      `json:"kept"`
	Rows   int            `json:"rows"` // of the database
	Bytes  int64          `json:"bytes"`
}

// PlanRemoval lists what would be removed with the runs, arms and sweeps in names, but removes nothing. The names have
// the forms that Find accepts. An arm loses its runs, but stays in its sweep as planned. A run that is only planned has
// nothing to remove. A sweep is removed with its runs. A run that another sweep also uses is kept, unless the run or
// that other sweep is named too. If a process works on one of the runs, PlanRemoval returns a *settings.InputError.
func PlanRemoval(results string, names []string) (r Removal, err error) {
	db, err := store.OpenReadOnly(filepath.Join(results, folder.Database))
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	r = Removal{Runs: []RemovedRun{}, Sweeps: []RemovedSweep{}, Kept: []KeptRun{}}
	named, bySweep, err := r.find(db, results, names)
	if err != nil {
		return r, err
	}
	stays, err := membersOfOthers(db, r.stored().Sweeps)
	if err != nil {
		return r, err
	}
	leases, err := db.Leases()
	if err != nil {
		return r, err
	}
	seen := map[string]bool{}
	for i, m := range append(named, bySweep...) {
		if seen[m.Run.ID] {
			continue
		}
		seen[m.Run.ID] = true
		if other, shared := stays[m.Run.ID]; shared && i >= len(named) {
			r.Kept = append(r.Kept, KeptRun{m.Run.ID, other})
			continue
		}
		if err := r.add(db, results, m, leases[m.Run.ID]); err != nil {
			return r, err
		}
	}
	rows, err := db.Count(store.Removal{Sweeps: r.stored().Sweeps})
	r.Rows += rows
	return r, err
}

// find adds the sweeps of those names. It returns the runs that are named themselves or by their arm, and the runs of
// the sweeps.
func (r *Removal) find(db *store.DB, results string, names []string) (named, bySweep []store.MemberRun, err error) {
	for _, name := range names {
		t, err := Find(db, name)
		if err != nil {
			return nil, nil, err
		}
		if t.Sweep == "" || t.Arm != "" {
			named = append(named, t.Runs...)
			continue
		}
		bySweep = append(bySweep, t.Runs...)
		if slices.Contains(r.stored().Sweeps, t.Sweep) {
			continue
		}
		size, err := bytesUnder(filepath.Join(results, "sweeps", t.Sweep))
		if err != nil {
			return nil, nil, err
		}
		r.Sweeps = append(r.Sweeps, RemovedSweep{t.Sweep, size})
		r.Bytes += size
	}
	return named, bySweep, nil
}

// add adds a run, unless it is only planned.
func (r *Removal) add(db *store.DB, results string, m store.MemberRun, lease *store.Lease) error {
	dir := folder.Of(results, m.Run.ID)
	size, err := bytesUnder(dir)
	if err != nil {
		return err
	}
	rows, err := db.Count(store.Removal{Runs: []string{m.Run.ID}})
	if err != nil || rows == 0 && size == 0 {
		return err
	}
	busy, err := AtWork(results, m.Run.ID, lease)
	if err != nil {
		return err
	}
	if busy {
		return folder.RunningError(m.Run.ID)
	}
	r.Runs = append(r.Runs, RemovedRun{m.Run.ID, m.Member.Arm, m.Member.Seed, size})
	r.Rows += rows
	r.Bytes += size
	return nil
}

// membersOfOthers maps each run of the sweeps that stay to one of these sweeps.
func membersOfOthers(db *store.DB, removed []string) (map[string]string, error) {
	sweeps, err := db.Sweeps()
	if err != nil {
		return nil, err
	}
	of := map[string]string{}
	for _, s := range sweeps {
		if slices.Contains(removed, s.Name) {
			continue
		}
		runs, err := db.RunsOf(s.Name)
		if err != nil {
			return nil, err
		}
		for _, m := range runs {
			of[m.Run.ID] = s.Name
		}
	}
	return of, nil
}

// stored returns the removal in the form that the store takes.
func (r Removal) stored() (s store.Removal) {
	for _, run := range r.Runs {
		s.Runs = append(s.Runs, run.Run)
	}
	for _, sweep := range r.Sweeps {
		s.Sweeps = append(s.Sweeps, sweep.Sweep)
	}
	return s
}

// Remove removes the runs and sweeps of r, which PlanRemoval returned. It moves the folders aside, deletes the rows in
// one transaction, and then deletes the folders. If a removal is killed before the transaction, the next command that
// writes undoes the removal; if it is killed after the transaction, that command finishes it. If a process has begun to
// work on one of the runs in the meantime, Remove returns a *settings.InputError and removes nothing.
func Remove(results string, r Removal) (err error) {
	db, err := store.OpenExisting(filepath.Join(results, folder.Database))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := SettleRemovals(db, results); err != nil {
		return err
	}
	aside := asideDir(results)
	if err := os.MkdirAll(aside, 0o777); err != nil {
		return fmt.Errorf("results: removing: %w", err)
	}
	alone, err := lockAside(aside)
	if err != nil {
		return err
	}
	if alone == nil {
		return settings.Refuse(settings.Fault{File: aside,
			Message: "another removal is in progress: wait until it has ended"})
	}
	defer func() {
		_ = os.Remove(aside) // succeeds only if nothing is left in it
		_ = alone.Close()
	}()
	for _, run := range r.Runs {
		held, err := folder.TryLock(folder.Of(results, run.Run))
		if errors.Is(err, folder.ErrHeld) {
			return folder.RunningError(run.Run)
		}
		if err != nil {
			return err
		}
		defer func() { _ = held.Close() }()
	}
	var moved [][2]string
	for _, place := range r.places(results) {
		if err = os.Rename(place[0], place[1]); err == nil {
			moved = append(moved, place)
		} else if !errors.Is(err, fs.ErrNotExist) {
			break
		}
		err = nil
	}
	if err == nil {
		_, err = db.Remove(r.stored())
	}
	if err != nil {
		for _, place := range moved {
			err = errors.Join(err, os.Rename(place[1], place[0]))
		}
		return fmt.Errorf("results: removing: %w", err)
	}
	if err := os.RemoveAll(aside); err != nil {
		return fmt.Errorf("results: removing: %w", err)
	}
	return nil
}

// asideDir returns the folder that holds the folders whose removal has begun, as `run-ID` and `sweep-NAME`. The process
// that removes them has locked it.
func asideDir(results string) string { return filepath.Join(results, ".removing") }

// places pairs each folder with its path while it is being removed.
func (r Removal) places(results string) (places [][2]string) {
	for _, run := range r.Runs {
		places = append(places, [2]string{folder.Of(results, run.Run),
			filepath.Join(asideDir(results), "run-"+run.Run)})
	}
	for _, s := range r.Sweeps {
		places = append(places, [2]string{filepath.Join(results, "sweeps", s.Sweep),
			filepath.Join(asideDir(results), "sweep-"+s.Sweep)})
	}
	return places
}

// SettleRemovals settles what a killed removal left behind. It moves a folder back if the folder's rows are still in
// the database, and deletes the folder otherwise.
func SettleRemovals(db *store.DB, results string) error {
	aside := asideDir(results)
	entries, err := os.ReadDir(aside)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("results: %w", err)
	}
	alone, err := lockAside(aside)
	if alone == nil {
		return err // another process is removing right now
	}
	defer func() { _ = alone.Close() }()
	sweeps, err := db.Sweeps()
	if err != nil {
		return err
	}
	for _, e := range entries {
		kind, name, _ := strings.Cut(e.Name(), "-")
		back, there := folder.Of(results, name), false
		if kind == "sweep" {
			back = filepath.Join(results, "sweeps", name)
			there = slices.ContainsFunc(sweeps, func(s store.Sweep) bool { return s.Name == name })
		} else if _, there, err = db.RunByID(name); err != nil {
			return err
		}
		if there {
			err = os.Rename(filepath.Join(aside, e.Name()), back)
		} else {
			err = os.RemoveAll(filepath.Join(aside, e.Name()))
		}
		if err != nil {
			return fmt.Errorf("results: settling a removal that was killed: %w", err)
		}
	}
	if err := os.Remove(aside); err != nil {
		return fmt.Errorf("results: settling a removal that was killed: %w", err)
	}
	return nil
}

// lockAside locks the folder of a removal for this process. The file is nil if another process has locked it.
func lockAside(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // it has just ended
	}
	if err != nil {
		return nil, fmt.Errorf("results: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, nil
	}
	return f, nil
}

// bytesUnder returns the total size of the files in a folder; 0 if there is no folder.
func bytesUnder(dir string) (bytes int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			bytes += info.Size()
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return bytes, nil // also if a file was deleted meanwhile
	}
	return bytes, err
}
