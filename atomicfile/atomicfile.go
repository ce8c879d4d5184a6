// Package atomicfile writes files so that each appears either complete or not at all.
package atomicfile

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Suffix ends the name of a file that is still being written. A killed process may leave such a file behind: the next
// call of Write for the same path replaces it, and anyone may delete it.
const Suffix = ".partial"

// Write replaces the file at path with a file that holds content and has the default permissions (0666 before the
// umask). The content is on disk before the new file appears at path, so neither a kill nor a power cut leaves a
// half-written file there. Processes that write to the same path at once take turns, and the last one wins. If Write
// returns an error, the file at path is unchanged.
func Write(path string, content []byte) error {
	return Stream(path, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
}

// Stream is Write for a content that write produces piece by piece. If write returns an error, so does Stream.
func Stream(path string, write func(io.Writer) error) (err error) {
	f, err := create(path + Suffix)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
		_ = f.Close() // which releases the lock
	}()
	if err = f.Truncate(0); err != nil { // what a killed process left
		return err
	}
	if err = write(f); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// create opens the file at path, which it creates if necessary, and locks it against other writers. A writer that had
// to wait may find that the file has been renamed meanwhile, and then begins again.
func create(path string) (*os.File, error) {
	for {
		if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
			_ = os.Remove(path) // a link would be followed, and a named pipe waits for its reader
		}
		f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|unix.O_NOFOLLOW, 0o666)
		if err != nil {
			return nil, err
		}
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		mine, err := f.Stat()
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		if there, err := os.Stat(path); err == nil && os.SameFile(mine, there) {
			return f, nil
		}
		_ = f.Close()
	}
}
