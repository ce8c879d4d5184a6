package results

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/outcrop-lab/outcrop/count"
	"github.com/outcrop-lab/outcrop/experiments/folder"
	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/store"
)

// Merged counts what one folder added to the results. Rows counts measured values, and Copied counts folders of runs.
type Merged struct {
	From        string `json:"from"`
	Runs        int    `json:"runs"`
	Rows        int    `json:"rows"`
	Timings     int    `json:"timings"`
	Conflicts   int    `json:"conflicts"`
	Differences int    `json:"differences"`
	Copied      int    `json:"copied"`
	// Joined counts the runs that became members of a sweep that the results had before. Apart lists those that did not.
	Joined int     `json:"joined"`
	Apart  []Apart `json:"apart,omitempty"`
	// Mended counts the damaged checkpoints and snapshots of stored runs in whose place sound ones were merged. Damaged
	// lists the others, by their paths.
	Mended  int      `json:"mended"`
	Damaged []string `json:"damaged,omitempty"`
}

// MergeOptions say when runs are alike.
type MergeOptions struct {
	// Identify returns the identity of a run. Runs of the same identity are one run even if their ids differ: the stored
	// one keeps its id and its folder.
	Identify func(store.Run) string
	// Files is as in CompareOptions.
	Files []string
	// Damaged lists what is damaged in a run's folder. It is trainer.Damaged.
	Damaged func(dir string) ([]Damage, error)
}

// bundle lists the databases and the folders of runs in a folder that is to be merged.
type bundle struct {
	from      string
	databases []string
	folders   map[string]string // from a run's id to its folder
}

// MergeFolders merges runs from other places into a results folder, which it makes if the folder does not exist. Each
// of dirs is a run's folder, a folder of runs' folders, or a results folder. It also merges the sweeps and fits of a
// results folder; runs of a sweep that is stored join its arms if they agree (see Apart). Rows that are already stored
// stay; a new row that differs from a stored one is kept beside it. If the results folder lacks the folder of a run,
// MergeFolders copies that folder whole and atomically, by rename. Merging the same folders again changes nothing.
// MergeFolders reads and checks everything before it merges anything. It returns a *settings.InputError that names each
// folder without runs, each damaged database and each database of a newer outcrop.
func MergeFolders(ctx context.Context, results string, dirs []string, o MergeOptions) ([]Merged, error) {
	var bundles []bundle
	var faults []settings.Fault
	for _, dir := range dirs {
		b, err := inspect(ctx, results, dir)
		if err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			faults = append(faults, settings.Fault{File: dir, Message: err.Error()})
		}
		bundles = append(bundles, b)
	}
	if len(faults) > 0 {
		return nil, settings.Refuse(faults...)
	}
	if err := os.MkdirAll(folder.Runs(results), 0o777); err != nil {
		return nil, fmt.Errorf("results: the results folder: %w", err)
	}
	release, err := mergeAlone(results)
	if err != nil {
		return nil, err
	}
	defer release()
	db, err := store.Open(filepath.Join(results, folder.Database))
	if err != nil {
		return nil, err
	}
	all := []Merged{}
	e, err := equalIn(db, o.Identify)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	for _, b := range bundles {
		var m Merged
		if m, err = b.mergeInto(ctx, db, results, e, o); err != nil {
			break
		}
		all = append(all, m)
	}
	return all, errors.Join(err, db.Close())
}

// mergeAlone locks the results against other processes that merge, waiting for them if need be, and removes the
// unfinished copies of killed ones.
func mergeAlone(results string) (release func(), err error) {
	f, err := os.OpenFile(filepath.Join(results, "runs", ".merge.lock"), os.O_CREATE|os.O_RDWR, 0o666)
	if err != nil {
		return nil, fmt.Errorf("results: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("results: %s: %w", f.Name(), err)
	}
	if err := folder.RemoveCopies(results); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("results: %w", err)
	}
	return func() { _ = f.Close() }, nil
}

// inspect finds and checks the databases and the folders of runs in a folder.
func inspect(ctx context.Context, results, dir string) (bundle, error) {
	b := bundle{from: dir, folders: map[string]string{}}
	info, err := os.Stat(dir)
	if err != nil {
		return b, err
	}
	if !info.IsDir() {
		return b, errors.New("is a file: name a run's folder or a results folder")
	}
	if own, err := os.Stat(results); err == nil && os.SameFile(info, own) {
		return b, errors.New("is the results folder itself")
	}
	whole := filepath.Join(dir, folder.Database)
	if folder.Exists(whole) {
		if _, err := store.Inspect(whole); err != nil {
			return b, err
		}
		b.databases = append(b.databases, whole)
	}
	shards := []string{filepath.Join(dir, folder.Shard)}
	for _, pattern := range []string{filepath.Join("*", folder.Shard), filepath.Join("runs", "*", folder.Shard)} {
		names, err := fs.Glob(os.DirFS(dir), filepath.ToSlash(pattern))
		if err != nil {
			return b, err
		}
		for _, name := range names {
			shards = append(shards, filepath.Join(dir, filepath.FromSlash(name)))
		}
	}
	for _, shard := range shards {
		if ctx.Err() != nil {
			return b, ctx.Err()
		}
		if !folder.Exists(shard) {
			continue
		}
		if info, err := os.Lstat(filepath.Dir(shard)); err == nil && filepath.Dir(shard) != filepath.Clean(dir) &&
			info.Mode()&fs.ModeSymlink != 0 {
			return b, fmt.Errorf("%s is a link, which is not followed: name the folder itself", filepath.Dir(shard))
		}
		ids, err := store.Inspect(shard)
		if err != nil {
			return b, err
		}
		b.databases = append(b.databases, shard)
		switch {
		case len(ids) > 1:
			return b, fmt.Errorf("%s holds %s, and the folder of a run holds one", shard, count.Of(len(ids), "run"))
		case len(ids) == 1:
			b.folders[ids[0]] = filepath.Dir(shard)
		}
	}
	if len(b.databases) == 0 {
		return b, fmt.Errorf("holds neither %s nor outcrop.db nor folders of runs", folder.Shard)
	}
	return b, nil
}

func (b bundle) mergeInto(ctx context.Context, db *store.DB, results string, e equal, o MergeOptions) (Merged,
	error) {
	m, others := Merged{From: b.from}, map[string]string{}
	for _, path := range b.databases {
		if ctx.Err() != nil {
			return m, ctx.Err()
		}
		runs, err := store.RunsIn(path)
		if err != nil {
			return m, err
		}
		same := e.of(runs)
		maps.Copy(others, same)
		got, err := db.MergeEqual(path, same)
		if err != nil {
			return m, err
		}
		m.Runs, m.Rows, m.Timings = m.Runs+got.Runs, m.Rows+got.Rows, m.Timings+got.Timings
		m.Conflicts, m.Differences = m.Conflicts+got.Conflicts, m.Differences+got.Differences
	}
	for _, path := range b.databases {
		if err := (joining{db, others, o.Files}).join(path, &m); err != nil {
			return m, err
		}
	}
	for run, dir := range b.folders {
		if others[run] != "" {
			continue // the checkpoints of the stored run bear its id
		}
		to, err := folder.Of(results, run)
		if err != nil {
			return m, err
		}
		copied, err := folder.Copy(ctx, dir, to)
		if err != nil {
			return m, fmt.Errorf("results: copying %s: %w", dir, err)
		}
		if copied {
			m.Copied++
		} else if err := o.mend(ctx, dir, to, &m); err != nil {
			return m, fmt.Errorf("results: mending %s: %w", to, err)
		}
	}
	return m, nil
}

// equal finds runs that are the same under two ids.
type equal struct {
	identify func(store.Run) string
	ids      map[string]bool   // of the stored runs
	stored   map[string]string // their ids, by their identities
}

func equalIn(db *store.DB, identify func(store.Run) string) (equal, error) {
	e := equal{identify, map[string]bool{}, map[string]string{}}
	runs, err := db.Runs()
	for _, r := range runs {
		e.ids[r.ID], e.stored[identify(r)] = true, r.ID
	}
	return e, err
}

// of maps the ids of runs to those under which the same runs are stored. It takes the others for stored from now on.
func (e equal) of(runs []store.Run) map[string]string {
	same, taken := map[string]string{}, map[string]bool{}
	for _, r := range runs {
		identity := e.identify(r)
		stored, there := e.stored[identity]
		switch {
		case e.ids[r.ID]:
		case there && !taken[stored]:
			same[r.ID], taken[stored] = stored, true
		default:
			e.ids[r.ID], e.stored[identity] = true, r.ID
		}
	}
	return same
}
