package results

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/outcrop-lab/outcrop/experiments/folder"
	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/store"
)

// Merged is what one folder brought that was not there: Rows are measured values, Copied runs' folders.
type Merged struct {
	From        string `json:"from"`
	Runs        int    `json:"runs"`
	Rows        int    `json:"rows"`
	Timings     int    `json:"timings"`
	Conflicts   int    `json:"conflicts"`
	Differences int    `json:"differences"`
	Copied      int    `json:"copied"`
}

// bundle is what one folder holds.
type bundle struct {
	from      string
	databases []string
	folders   map[string]string // from a run's id to its folder
}

// MergeFolders brings runs of other places into a results folder, which it makes if need be: each of dirs is a run's
// folder, a folder of those, or a results folder, whose sweeps and fits come too. Rows that are there stay; what comes
// otherwise is kept beside them. A run's folder that is not there is copied whole, by rename. Merging again changes
// nothing. All is read and checked before anything is merged: a folder that holds nothing of this kind, a damaged
// database, and one of a newer outcrop are an *InputError that names each.
func MergeFolders(ctx context.Context, results string, dirs []string) ([]Merged, error) {
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
	for _, b := range bundles {
		var m Merged
		if m, err = b.mergeInto(ctx, db, results); err != nil {
			break
		}
		all = append(all, m)
	}
	return all, errors.Join(err, db.Close())
}

// mergeAlone waits until no other process copies runs into the results, and removes what killed ones left half copied.
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

// inspect finds and checks what a folder holds.
func inspect(ctx context.Context, results, dir string) (bundle, error) {
	b := bundle{from: dir, folders: map[string]string{}}
	info, err := os.Stat(dir)
	if err != nil {
		return b, err
	}
	if !info.IsDir() {
		return b, errors.New("is a file: name the folder of a run, or of results")
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
		ids, err := store.Inspect(shard)
		if err != nil {
			return b, err
		}
		b.databases = append(b.databases, shard)
		switch {
		case len(ids) > 1:
			return b, fmt.Errorf("%s holds %d runs, and the folder of a run holds one", shard, len(ids))
		case len(ids) == 1 && settings.IsName(ids[0]): // it becomes a folder's name
			b.folders[ids[0]] = filepath.Dir(shard)
		}
	}
	if len(b.databases) == 0 {
		return b, fmt.Errorf("holds neither %s nor outcrop.db nor folders of runs", folder.Shard)
	}
	return b, nil
}

func (b bundle) mergeInto(ctx context.Context, db *store.DB, results string) (Merged, error) {
	m := Merged{From: b.from}
	for _, path := range b.databases {
		if ctx.Err() != nil {
			return m, ctx.Err()
		}
		got, err := db.Merge(path)
		if err != nil {
			return m, err
		}
		m.Runs, m.Rows, m.Timings = m.Runs+got.Runs, m.Rows+got.Rows, m.Timings+got.Timings
		m.Conflicts, m.Differences = m.Conflicts+got.Conflicts, m.Differences+got.Differences
	}
	for run, dir := range b.folders {
		copied, err := folder.Copy(ctx, dir, folder.Of(results, run))
		if err != nil {
			return m, fmt.Errorf("results: copying %s: %w", dir, err)
		}
		if copied {
			m.Copied++
		}
	}
	return m, nil
}
