package results

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/outcrop-lab/outcrop/experiments/folder"
	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/store"
)

// RemovedRun is a run that goes, with the bytes of its folder.
type RemovedRun struct {
	Run   string `json:"run"`
	Arm   string `json:"arm"`
	Seed  uint64 `json:"seed"`
	Bytes int64  `json:"bytes"`
}

// RemovedSweep is a sweep that goes, with the bytes of its report and figures.
type RemovedSweep struct {
	Sweep string `json:"sweep"`
	Bytes int64  `json:"bytes"`
}

// KeptRun is a run of a removed sweep that stays, and why.
type KeptRun struct {
	Run   string `json:"run"`
	Sweep string `json:"sweep"` // another one, that it belongs to as well
}

// Removal is what goes when runs and sweeps are removed.
type Removal struct {
	Runs   []RemovedRun   `json:"runs"`
	Sweeps []RemovedSweep `json:"sweeps"`
	Kept   []KeptRun      `json:"kept"`
	Rows   int            `json:"rows"` // of the database
	Bytes  int64          `json:"bytes"`
}

// PlanRemoval tells what goes with the runs, arms and sweeps of those names, as Find takes them, and removes nothing. The runs
// of an arm go and the arm stays, planned; of a run that is only planned there is nothing to remove; a sweep goes with its
// runs, but for those that belong to another sweep too, unless they or that sweep are named as well. A run that a process works on is an *InputError.
func PlanRemoval(results string, names []string) (r Removal, err error) {
	db, err := store.OpenReadOnly(filepath.Join(results, folder.Database))
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	r = Removal{Runs: []RemovedRun{}, Sweeps: []RemovedSweep{}, Kept: []KeptRun{}}
	var named, bySweep []store.MemberRun
	goes := map[string]bool{}
	for _, name := range names {
		t, err := Find(db, name)
		if err != nil {
			return r, err
		}
		if t.Sweep == "" || t.Arm != "" {
			named = append(named, t.Runs...)
			continue
		}
		bySweep = append(bySweep, t.Runs...)
		if !goes[t.Sweep] {
			goes[t.Sweep] = true
			size, err := bytesUnder(filepath.Join(results, "sweeps", t.Sweep))
			if err != nil {
				return r, err
			}
			r.Sweeps = append(r.Sweeps, RemovedSweep{t.Sweep, size})
			r.Bytes += size
		}
	}
	stays, err := membersOfOthers(db, goes)
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
		size, err := bytesUnder(folder.Of(results, m.Run.ID))
		if err != nil {
			return r, err
		}
		rows, err := db.Count(store.Removal{Runs: []string{m.Run.ID}})
		if err != nil {
			return r, err
		}
		if rows == 0 && size == 0 {
			continue // it is only planned
		}
		if held, err := folder.Held(folder.Of(results, m.Run.ID)); err != nil {
			return r, err
		} else if lease := leases[m.Run.ID]; held || lease != nil && lease.InForce(time.Now()) {
			return r, folder.RunningError(m.Run.ID)
		}
		r.Runs = append(r.Runs, RemovedRun{m.Run.ID, m.Member.Arm, m.Member.Seed, size})
		r.Rows += rows
		r.Bytes += size
	}
	rows, err := db.Count(store.Removal{Sweeps: r.stored().Sweeps})
	r.Rows += rows
	return r, err
}

// membersOfOthers says of each run of the sweeps that do not go one that it belongs to.
func membersOfOthers(db *store.DB, goes map[string]bool) (map[string]string, error) {
	sweeps, err := db.Sweeps()
	if err != nil {
		return nil, err
	}
	of := map[string]string{}
	for _, s := range sweeps {
		if goes[s.Name] {
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

func (r Removal) stored() (s store.Removal) {
	for _, run := range r.Runs {
		s.Runs = append(s.Runs, run.Run)
	}
	for _, sweep := range r.Sweeps {
		s.Sweeps = append(s.Sweeps, sweep.Sweep)
	}
	return s
}

// Remove removes what PlanRemoval told. Folders are moved aside, the rows go in one transaction, then the folders: a removal
// that is killed before the transaction is undone by the next command that writes, one that is killed after it is finished. A
// run that a process began to work on meanwhile is an *InputError, and nothing goes.
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
		return settings.Refuse(settings.Fault{File: aside, Message: "another removal is going on: wait until it has ended"})
	}
	defer func() {
		_ = os.Remove(aside) // where nothing lies there any more
		_ = alone.Close()
	}()
	for _, run := range r.Runs {
		held, err := folder.TryLock(folder.Of(results, run.Run))
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

// asideDir is where folders lie whose removal has begun: `run-ID` and `sweep-NAME`. Who has it locked is at it.
func asideDir(results string) string { return filepath.Join(results, ".removing") }

// places pairs each folder with where it lies while it is removed.
func (r Removal) places(results string) (places [][2]string) {
	for _, run := range r.Runs {
		places = append(places, [2]string{folder.Of(results, run.Run), filepath.Join(asideDir(results), "run-"+run.Run)})
	}
	for _, s := range r.Sweeps {
		places = append(places, [2]string{filepath.Join(results, "sweeps", s.Sweep), filepath.Join(asideDir(results), "sweep-"+s.Sweep)})
	}
	return places
}

// SettleRemovals ends what a killed removal left: a folder whose rows are there comes back, another one goes.
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
		return err // somebody removes right now
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

// lockAside makes this process the only one that removes; nil while another does.
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

// bytesUnder is how many bytes the files of a folder have; 0 where there is none.
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
		return bytes, nil // also a file that went meanwhile
	}
	return bytes, err
}
