package store

import (
	"errors"
	"syscall"

	"github.com/mattn/go-sqlite3"
)

// shmSize is SQLite's SQLITE_IOERR_SHMSIZE: the index of the write-ahead log could not grow.
var shmSize = sqlite3.ErrNoExtended(int(sqlite3.ErrIoErr) | 19<<8)

// IsFull reports whether an error, of a database or of a file, means that the disk or the user's quota is full.
func IsFull(err error) bool {
	var e sqlite3.Error
	if errors.As(err, &e) && (e.Code == sqlite3.ErrFull || e.ExtendedCode == shmSize || noRoom(e.SystemErrno)) {
		return true
	}
	return noRoom(err)
}

func noRoom(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// IsTransient reports whether an operation on a database may succeed at the next try: another process held the database
// for too long, or reading or writing failed.
func IsTransient(err error) bool { return isBusy(err) || hasCode(err, sqlite3.ErrIoErr) }
