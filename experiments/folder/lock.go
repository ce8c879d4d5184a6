package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/store"
)

// ErrHeld is wrapped by the error for a run's folder that another process has locked.
var ErrHeld = errors.New("another process is training this run")

// Lock takes the exclusive lock of a run's folder until the file is closed or the process exits. It retries for 10 s,
// because a worker orphaned by a killed coordinator releases the lock within a step. If the lock is still held after
// that, the error wraps ErrHeld.
func Lock(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o666)
	if err != nil {
		return nil, fmt.Errorf("folder: %w", err)
	}
	for range 100 {
		if err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err == nil {
			return f, nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	_ = f.Close()
	return nil, fmt.Errorf("folder: %s: %w: %w", dir, ErrHeld, err)
}

// TryLock takes the exclusive lock of a run's folder without waiting. If another process holds it, the error is a
// *settings.InputError. If there is no folder, both results are nil.
func TryLock(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o666)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("folder: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, RunningError(filepath.Base(dir))
	}
	return f, nil
}

// Held reports whether a process has locked a run's folder to work in it.
func Held(dir string) (bool, error) {
	f, err := os.Open(filepath.Join(dir, lockFile))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("folder: %w", err)
	}
	defer func() { _ = f.Close() }()
	err = unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB)
	if err != nil && !errors.Is(err, unix.EWOULDBLOCK) {
		return false, fmt.Errorf("folder: %s: %w", f.Name(), err)
	}
	return err != nil, nil
}

// RunningError returns the *settings.InputError for a run that must be stopped before anything else can be done to it.
func RunningError(run string) error {
	return settings.Refuse(settings.Fault{File: "run " + store.Short(run), Message: "is running: stop it first"})
}
