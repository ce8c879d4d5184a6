package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/mattn/go-sqlite3"
)

// ErrCorrupt is wrapped by an error about a file that is damaged or is not an Outcrop database.
var ErrCorrupt = errors.New("not a sound outcrop database")

// ErrBlank is wrapped by an error about a database without tables, as a power cut may leave one. ErrBlank itself wraps
// ErrCorrupt.
var ErrBlank = fmt.Errorf("%w: it is empty; run a sweep to fill it, or remove it", ErrCorrupt)

// ErrMissing is wrapped by an error about a database that does not exist. ErrMissing itself wraps fs.ErrNotExist.
var ErrMissing = fmt.Errorf("%w; there are no results there yet", fs.ErrNotExist)

// ErrNewer is wrapped by an error about a database that a newer Outcrop wrote.
var ErrNewer = errors.New("written by a newer outcrop")

// ErrReadOnly is wrapped by an error about a database that this process may not write to.
var ErrReadOnly = errors.New("the file or its folder is read-only")

// fault adds to an error what was being done to which file, and what the user can do about it.
func fault(doing, path string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, ErrCorrupt) || errors.Is(err, ErrNewer) {
		return fmt.Errorf("store: %s: %s: %w", doing, path, err)
	}
	var e sqlite3.Error
	if !errors.As(err, &e) {
		return fmt.Errorf("store: %s: %s: %w", doing, path, err)
	}
	switch e.Code {
	case sqlite3.ErrNotADB, sqlite3.ErrCorrupt:
		return fmt.Errorf("store: %s: %s: %w (%w); move it away and run the command again",
			doing, path, ErrCorrupt, err)
	case sqlite3.ErrFull:
		return fmt.Errorf("store: %s: %s: the disk is full (%w); committed data is kept: free some space and resume",
			doing, path, err)
	case sqlite3.ErrReadonly, sqlite3.ErrPerm:
		return fmt.Errorf("store: %s: %s: %w (%w); choose a writable folder", doing, path, ErrReadOnly, err)
	case sqlite3.ErrCantOpen:
		if _, absent := os.Stat(path); absent == nil && leftover(path) {
			return fmt.Errorf("store: %s: %s: %w, and %s-wal beside it holds rows that a killed writer left (%w); copy the "+
				"folder to where you may write, or run outcrop status once where it is writable",
				doing, path, ErrReadOnly, path, err)
		} else if absent == nil {
			return fmt.Errorf("store: %s: %s: %w (%w); choose a writable folder", doing, path, ErrReadOnly, err)
		}
		return fmt.Errorf("store: %s: %s: the file cannot be opened (%w); check that its folder exists and is writable",
			doing, path, err)
	case sqlite3.ErrIoErr:
		return fmt.Errorf("store: %s: %s: reading or writing failed (%w); check the disk", doing, path, err)
	case sqlite3.ErrBusy, sqlite3.ErrLocked:
		return fmt.Errorf("store: %s: %s: another process held the database for over %d s (%w); "+
			"try again when that process has ended",
			doing, path, busyTimeout/1000, err)
	}
	return fmt.Errorf("store: %s: %s: %w", doing, path, err)
}

func isBusy(err error) bool {
	var e sqlite3.Error
	return errors.As(err, &e) && (e.Code == sqlite3.ErrBusy || e.Code == sqlite3.ErrLocked)
}

func hasCode(err error, code sqlite3.ErrNo) bool {
	var e sqlite3.Error
	return errors.As(err, &e) && e.Code == code
}

// halfWritten reports whether a database must be rolled back before it can be read. That happens if a writer was killed
// before it had a write-ahead log.
func halfWritten(err error) bool {
	var e sqlite3.Error
	return errors.As(err, &e) && e.ExtendedCode == sqlite3.ErrReadonlyRollback
}
