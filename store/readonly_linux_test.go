package store

import (
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
