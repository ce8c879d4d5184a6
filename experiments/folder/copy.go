package folder

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/outcrop-lab/outcrop/atomicfile"
	"github.com/outcrop-lab/outcrop/regularfile"
	"github.com/outcrop-lab/outcrop/store"
)

// copyPrefix begins the name of a folder that is still being copied.
const copyPrefix = ".copy-"

// Copy copies a run's folder. The copy is renamed to its final path only once it is complete and on disk. Copy leaves
// out half-written files and the lock. If there is already a file or folder at the path, Copy leaves it as it is and
// copied is false.
func Copy(ctx context.Context, from, to string) (copied bool, err error) {
	if Exists(to) {
		return false, nil
	}
	outer, err := os.MkdirTemp(filepath.Dir(to), copyPrefix)
	if err != nil {
		return false, err
	}
	defer func() { _ = os.RemoveAll(outer) }()
	hidden := filepath.Join(outer, "run") // with the usual permissions, which a temporary folder lacks
	err = filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		name, err := filepath.Rel(from, path)
		target := filepath.Join(hidden, name)
		switch {
		case err != nil:
			return err
		case strings.HasSuffix(name, atomicfile.Suffix):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir():
			return os.MkdirAll(target, 0o777)
		case name == Shard:
			return store.Copy(ctx, path, target)
		case !d.Type().IsRegular() || name == lockFile || strings.HasPrefix(name, Shard):
			return nil
		}
		return copyFile(path, target)
	})
	if err == nil {
		err = syncFolders(hidden)
	}
	if err != nil {
		return false, err
	}
	if err := os.Rename(hidden, to); err != nil && !Exists(to) { // a coordinator may have made it meanwhile
		return false, err
	}
	return true, syncFolder(filepath.Dir(to))
}

func copyFile(from, to string) (err error) {
	r, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	w, err := os.Create(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	if _, err = io.Copy(w, r); err != nil {
		return err
	}
	return w.Sync()
}

// Replace replaces files of a run's folder by those of the same paths, relative and with slashes, in another folder of
// the run. Each appears whole, by rename, once it is on disk. No path may lead through a link.
func Replace(ctx context.Context, from, to string, files []string) error {
	for _, name := range files {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		parts := strings.Split(name, "/")
		source, err := unlinked(from, parts...)
		if err != nil {
			return err
		}
		dir, err := unlinked(to, parts[:len(parts)-1]...)
		if err != nil {
			return err
		}
		target := filepath.Join(dir, parts[len(parts)-1])
		if err := replaceFile(source, target); err != nil {
			return err
		}
		if err := syncFolder(dir); err != nil {
			return err
		}
	}
	return nil
}

func replaceFile(from, to string) error {
	r, _, err := regularfile.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	return atomicfile.Stream(to, func(w io.Writer) error {
		_, err := io.Copy(w, r)
		return err
	})
}

// syncFolders syncs the names in a folder and in all folders below it.
func syncFolders(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return syncFolder(path)
	})
}

func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// RemoveCopies removes all unfinished copies of runs from a results folder. A process that is killed while it copies a
// run leaves one.
func RemoveCopies(results string) error {
	left, _ := filepath.Glob(filepath.Join(Runs(results), copyPrefix+"*"))
	for _, path := range left {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	return nil
}
