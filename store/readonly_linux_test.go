package store

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// withoutPrivileges runs work on a thread with the file access of a user who owns nothing, because the superuser may
// write into any folder. For an ordinary user the permissions suffice.
func withoutPrivileges(t *testing.T, work func()) {
	t.Helper()
	if os.Getuid() != 0 {
		work()
		return
	}
	const nobody = 65534
	done := make(chan syscall.Errno)
	go func() {
		runtime.LockOSThread() // the thread ends with the goroutine
		_, _, e := syscall.RawSyscall(syscall.SYS_SETFSUID, nobody, 0, 0)
		if e == 0 {
			work()
		}
		done <- e
	}()
	if e := <-done; e != 0 {
		t.Fatal(e)
	}
}

func TestReadOnlyFolder(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Chmod(filepath.Dir(dir), 0o755))
	path := filepath.Join(dir, "a.db")
	db := open(t, path)
	must(t, db.PutRun(run("r")))
	must(t, db.Close())
	must(t, os.Chmod(path, 0o444))
	must(t, os.Chmod(dir, 0o555))
	withoutPrivileges(t, func() {
		db, err := OpenReadOnly(path)
		if err != nil {
			t.Errorf("opening for reading gave %v", err)
			return
		}
		if runs, err := db.Runs(); err != nil || len(runs) != 1 {
			t.Errorf("read %v, %v", runs, err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		for _, name := range []string{"a.db", "new.db"} {
			path := filepath.Join(dir, name)
			db, err := Open(path)
			if err == nil {
				err = db.PutRun(run("s"))
			}
			if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "writable") {
				t.Errorf("writing %s gave %v", name, err)
			}
		}
	})
	must(t, os.Chmod(dir, 0o755))
}

// Rows in the log of a killed writer are not passed over in a folder that is not writable: reading it says what to do.
// A log that holds nothing is no hindrance.
func TestReadOnlyFolderWithALog(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Chmod(filepath.Dir(dir), 0o755))
	source := filepath.Join(dir, "a.db")
	db := open(t, source)
	must(t, db.PutRun(run("r")))
	for name, keep := range map[string]int64{"whole": -1, "header": walHeader, "empty": 0} {
		folder := filepath.Join(dir, name)
		must(t, os.Mkdir(folder, 0o755))
		path := filepath.Join(folder, "a.db")
		if keep >= 0 {
			must(t, db.Backup(t.Context(), path))
		}
		for _, suffix := range []string{"", "-wal"} {
			content, err := os.ReadFile(source + suffix)
			must(t, err)
			if suffix == "" && keep >= 0 {
				continue
			}
			if suffix != "" && keep >= 0 {
				content = content[:keep]
			}
			must(t, os.WriteFile(path+suffix, content, 0o444))
		}
		must(t, os.Chmod(folder, 0o555))
		withoutPrivileges(t, func() {
			db, err := OpenReadOnly(path)
			if keep < 0 {
				if !errors.Is(err, ErrReadOnly) || !strings.Contains(err.Error(), "copy the folder to where you may write") {
					t.Errorf("%s: %v", name, err)
				}
				return
			}
			if err != nil {
				t.Errorf("%s: %v", name, err)
				return
			}
			if runs, err := db.Runs(); err != nil || len(runs) != 1 {
				t.Errorf("%s: read %v, %v", name, runs, err)
			}
			if err := db.Writable(); !errors.Is(err, ErrReadOnly) {
				t.Errorf("%s: writable, %v", name, err)
			}
			must(t, db.Close())
		})
		must(t, os.Chmod(folder, 0o755))
	}
	must(t, db.Writable())
	must(t, db.Close())
}

// A database with an older schema that cannot be written is read through a copy, which is gone afterwards.
func TestReadOnlyOlder(t *testing.T) {
	temporary := t.TempDir()
	must(t, os.Chmod(temporary, 0o777))
	t.Setenv("TMPDIR", temporary)
	for v := 1; v < len(migrations); v++ {
		path := past(t, v)
		dir := filepath.Dir(path)
		must(t, os.Chmod(filepath.Dir(filepath.Dir(dir)), 0o755))
		must(t, os.Chmod(filepath.Dir(dir), 0o755))
		must(t, os.Chmod(path, 0o444))
		must(t, os.Chmod(dir, 0o555))
		before, err := os.ReadFile(path)
		must(t, err)
		withoutPrivileges(t, func() {
			db, err := OpenReadOnly(path)
			if err != nil {
				t.Errorf("version %d: %v", v, err)
				return
			}
			err = db.AtOnce(func(db *DB) error {
				labels, err := db.Tokens(idOf("past"))
				if err != nil || len(labels) != 0 || db.Path() != path {
					t.Errorf("version %d: %v, %v, at %s", v, labels, err, db.Path())
				}
				runs, err := db.Runs()
				if len(runs) != 1 {
					t.Errorf("version %d: runs %v", v, runs)
				}
				return err
			})
			if err := errors.Join(err, db.Close()); err != nil {
				t.Errorf("version %d: %v", v, err)
			}
		})
		after, err := os.ReadFile(path)
		must(t, err)
		if string(after) != string(before) {
			t.Errorf("version %d: the file has changed", v)
		}
		must(t, os.Chmod(dir, 0o755))
	}
	if left, err := os.ReadDir(temporary); err != nil || len(left) != 0 {
		t.Errorf("left %v, %v", left, err)
	}
}
