package store

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// besides are the suffixes of the files that SQLite keeps beside a database: the write-ahead log, its index, and the
// rollback journal.
var besides = []string{"-wal", "-shm", "-journal"}

// regular returns ErrCorrupt if the database, or a file that SQLite keeps beside it, is there but is not a regular
// file. Opening a named pipe would wait for its other end, a device may never end, and SQLite would write its log
// through a link. The database itself may be a link to a regular file.
func regular(path string) error {
	if to, err := filepath.EvalSymlinks(path); err == nil { // SQLite keeps its files beside the link's target
		path = to
	}
	if err := regularFile(path); err != nil {
		return err
	}
	for _, suffix := range besides {
		if err := regularFile(path + suffix); err != nil {
			return err
		}
	}
	return nil
}

func regularFile(path string) error {
	info, err := os.Lstat(path)
	if err != nil || info.Mode().IsRegular() {
		return nil // what cannot be looked at cannot be opened either
	}
	return fmt.Errorf("%w: %s is %s, not a file; move it away or name another folder", ErrCorrupt, path, kind(info.Mode()))
}

func kind(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a folder"
	case mode&fs.ModeSymlink != 0:
		return "a link"
	case mode&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	}
	return "a device"
}

// leftover reports whether a writer left a write-ahead log beside the database.
func leftover(path string) bool {
	info, err := os.Stat(path + "-wal")
	return err == nil && info.Size() > 0
}

// missing turns a file's absence into ErrMissing.
func missing(err error) error {
	if os.IsNotExist(err) {
		return ErrMissing
	}
	return err
}

// present returns ErrMissing if there is no file at path, and ErrCorrupt if there is something else.
func present(path string) error {
	if _, err := os.Stat(path); err != nil {
		return missing(err)
	}
	return regular(path)
}
