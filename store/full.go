package store

import (
	"errors"
	"syscall"

	"github.com/mattn/go-sqlite3"
)

// shmSize is SQLite's SQLITE_IOERR_SHMSIZE: the index of the write-ahead log could not grow.
var shmSize = sqlite3.ErrNoExtended(int(sqlite3.ErrIoErr) | 19<<8)

// IsFull reports whether an error from a database or a file operation means that the disk is full or the user's disk
// quota is used up.
func IsFull(err error) bool {
	var e sqlite3.Error
	if errors.As(err, &e) && (e.Code == sqlite3.ErrFull || e.ExtendedCode == shmSize || noRoom(e.SystemErrno)) {
		return true
	}
	return noRoom(err)
}

func noRoom(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// IsTransient reports whether a database operation that failed with this error may succeed if it is tried again. It is
// true if another process held the database for too long, or if reading or writing failed.
func IsTransient(err error) bool { return isBusy(err) || hasCode(err, sqlite3.ErrIoErr) }
