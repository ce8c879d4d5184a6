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

// ErrHeld is wrapped by the error that Lock and TryLock return if another process has locked the run's folder.
var ErrHeld = errors.New("another process works on this run")

// Lock takes the exclusive lock of a run's folder. The lock lasts until the returned file is closed or the process
// exits. Lock retries for 10 s, because a worker that lost its coordinator releases the lock within a step. If another
// process still holds the lock after that time, the error wraps ErrHeld.
func Lock(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR|unix.O_NOFOLLOW, 0o666)
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
	return nil, fmt.Errorf("folder: %s: %w", dir, ErrHeld)
}

// TryLock takes the exclusive lock of a run's folder without waiting. If another process holds the lock, the error
// wraps ErrHeld. If the folder does not exist, both results are nil.
func TryLock(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR|unix.O_NOFOLLOW, 0o666)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("folder: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("folder: %s: %w", dir, ErrHeld)
	}
	return f, nil
}

// Held reports whether a process has locked a run's folder, which means that the process is working in it.
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

// RunningError returns a *settings.InputError that says that a run is running and must be stopped first.
func RunningError(run string) error {
	return settings.Refuse(settings.Fault{File: "run " + store.Short(run), Message: "is running: stop it first"})
}
