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
		dir, err := folder.OfSweep(results, t.Sweep)
		if err != nil {
			return nil, nil, err
		}
		size, err := bytesUnder(dir)
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
	dir, err := folder.Of(results, m.Run.ID)
	if err != nil {
		return err
	}
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

// Remove removes the runs and sweeps of r, which PlanRemoval returned. It moves their folders into the folder
// .removing, whose renaming to .removed decides the removal, and deletes what they hold before the rows, so that a full
// disk has room for the transaction. If a removal is killed before it is decided, the next command that writes undoes
// it; if it is killed later, that command finishes it. If a process has begun to work on one of the runs in the
// meantime, Remove returns a *settings.InputError and removes nothing.
func Remove(results string, r Removal) (err error) {
	places, err := r.places(results)
	if err != nil {
		return err
	}
	db, err := openToRemove(results)
	if err != nil {
		return err
	}
	if db != nil {
		defer func() { err = errors.Join(err, db.Close()) }()
	}
	aside := movedDir(results)
	if err := os.MkdirAll(aside, 0o777); err != nil {
		return fmt.Errorf("results: removing: %w", err)
	}
	alone, err := lockAside(aside)
	if err != nil {
		return err
	}
	if alone == nil {
		return otherRemoval(aside)
	}
	decided := false
	defer func() {
		if !decided {
			_ = os.Remove(aside) // succeeds only if nothing is left in it
		}
		_ = alone.Close()
	}()
	release, err := r.hold(results)
	defer release()
	if err != nil {
		return err
	}
	if err := move(places); err != nil {
		return fmt.Errorf("results: removing: %w", err)
	}
	if err := os.Rename(aside, decidedDir(results)); err != nil {
		if errors.Is(err, fs.ErrExist) {
			err = otherRemoval(aside)
		}
		return fmt.Errorf("results: removing: %w", errors.Join(err, moveBack(places)))
	}
	decided = true
	return finish(db, results)
}

func otherRemoval(aside string) error {
	return settings.Refuse(settings.Fault{File: aside,
		Message: "another removal is in progress: wait until it has ended"})
}

// openToRemove opens the database and settles earlier removals. If the disk is too full to open it, db is nil: there is
// room once the folders are gone.
func openToRemove(results string) (db *store.DB, err error) {
	if err := empty(decidedDir(results)); err != nil {
		return nil, err
	}
	db, err = store.OpenExisting(filepath.Join(results, folder.Database))
	if err == nil {
		if err = SettleRemovals(db, results); err == nil {
			return db, nil
		}
		return nil, errors.Join(err, db.Close())
	}
	if store.IsFull(err) && !folder.Exists(movedDir(results)) && !folder.Exists(decidedDir(results)) {
		return nil, nil
	}
	return nil, err
}

// movedDir returns the folder into which a removal that is not decided yet moves folders, as `run-ID` and
// `sweep-NAME`. The process that removes them has locked it. decidedDir is its name from the decision on.
func movedDir(results string) string { return filepath.Join(results, ".removing") }

func decidedDir(results string) string { return filepath.Join(results, ".removed") }

// places pairs each folder with its path while it is being removed.
func (r Removal) places(results string) (places [][2]string, err error) {
	for _, run := range r.Runs {
		dir, err := folder.Of(results, run.Run)
		if err != nil {
			return nil, err
		}
		places = append(places, [2]string{dir, filepath.Join(movedDir(results), "run-"+run.Run)})
	}
	for _, s := range r.Sweeps {
		dir, err := folder.OfSweep(results, s.Sweep)
		if err != nil {
			return nil, err
		}
		places = append(places, [2]string{dir, filepath.Join(movedDir(results), "sweep-"+s.Sweep)})
	}
	return places, nil
}

// hold locks the folders of the runs until release is called.
func (r Removal) hold(results string) (release func(), err error) {
	var files []*os.File
	release = func() {
		for _, f := range files {
			_ = f.Close()
		}
	}
	for _, run := range r.Runs {
		dir, err := folder.Of(results, run.Run)
		if err != nil {
			return release, err
		}
		f, err := folder.TryLock(dir)
		if errors.Is(err, folder.ErrHeld) {
			return release, folder.RunningError(run.Run)
		}
		if err != nil && !store.IsFull(err) { // without room for its file, nobody holds the lock
			return release, err
		}
		files = append(files, f)
	}
	return release, nil
}

// move moves the folders aside. A run or sweep without a folder leaves an empty one, so that its name is there. If move
// fails, it moves them back.
func move(places [][2]string) error {
	for i, place := range places {
		err := os.Rename(place[0], place[1])
		if errors.Is(err, fs.ErrNotExist) {
			err = os.Mkdir(place[1], 0o777)
		}
		if err != nil {
			return errors.Join(err, moveBack(places[:i]))
		}
	}
	return nil
}

func moveBack(places [][2]string) (err error) {
	for _, place := range places {
		if os.Remove(place[1]) == nil {
			continue // there was no folder
		}
		err = errors.Join(err, os.Rename(place[1], place[0]))
	}
	return err
}

// finish deletes what the folders of a decided removal hold, then the rows, and then the folders. db may be nil.
func finish(db *store.DB, results string) (err error) {
	dir := decidedDir(results)
	if err := empty(dir); err != nil {
		return err
	}
	if db == nil {
		if db, err = store.OpenExisting(filepath.Join(results, folder.Database)); err != nil {
			return rowsLeft(err)
		}
		defer func() { err = errors.Join(err, db.Close()) }()
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("results: removing: %w", err)
	}
	var rows store.Removal
	for _, e := range entries {
		switch kind, name, _ := strings.Cut(e.Name(), "-"); kind {
		case "run":
			rows.Runs = append(rows.Runs, name)
		case "sweep":
			rows.Sweeps = append(rows.Sweeps, name)
		}
	}
	if _, err = db.Remove(rows); err != nil {
		return rowsLeft(err)
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("results: removing: %w", err)
		}
	}
	_ = os.Remove(dir) // fails if the next removal has put its own folders there
	return nil
}

func rowsLeft(err error) error {
	return fmt.Errorf("results: the folders are removed, and the next command that writes removes their rows: %w", err)
}

// empty deletes what the folders in dir hold. Without dir it does nothing.
func empty(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("results: removing: %w", err)
	}
	for _, e := range entries {
		inner, err := os.ReadDir(filepath.Join(dir, e.Name()))
		for _, one := range inner {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name(), one.Name())))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // another process finishes it
			return fmt.Errorf("results: removing: %w", err)
		}
	}
	return nil
}

// SettleRemovals settles what a killed removal left behind: it finishes one that was decided, and undoes one that was
// not. If a removal is still going on, SettleRemovals does nothing.
func SettleRemovals(db *store.DB, results string) error {
	decided, err := lockAside(decidedDir(results))
	if err != nil {
		return err
	}
	if decided != nil {
		defer func() { _ = decided.Close() }()
		if err := finish(db, results); err != nil {
			return err
		}
	}
	aside := movedDir(results)
	alone, err := lockAside(aside)
	if err != nil || alone == nil {
		return err
	}
	defer func() { _ = alone.Close() }()
	entries, err := os.ReadDir(aside)
	if err != nil {
		return fmt.Errorf("results: settling a removal that was killed: %w", err)
	}
	for _, e := range entries {
		if err = undo(db, results, e.Name()); err != nil {
			break
		}
	}
	if err == nil {
		err = os.Remove(aside)
	}
	if err != nil {
		return fmt.Errorf("results: settling a removal that was killed: %w", err)
	}
	return nil
}

// undo moves a folder back that an undecided removal has moved aside. An outcrop that deleted the rows before the
// folders may have left the folder without its rows; then undo deletes it.
func undo(db *store.DB, results, entry string) error {
	aside := filepath.Join(movedDir(results), entry)
	kind, name, _ := strings.Cut(entry, "-")
	var back string
	there := false
	var err error
	if kind == "sweep" {
		var s store.Sweep
		s, _, err = db.Sweep(name)
		if there = s.Name != ""; there && err == nil {
			back, err = folder.OfSweep(results, name)
		}
	} else if _, there, err = db.RunByID(name); there && err == nil {
		back, err = folder.Of(results, name)
	}
	switch {
	case err != nil:
		return err
	case there:
		return moveBack([][2]string{{back, aside}})
	}
	return os.RemoveAll(aside)
}

// lockAside locks the folder of a removal for this process. The file is nil if another process has locked it, or if
// there is no folder.
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
