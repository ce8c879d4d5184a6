package store

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/outcrop-lab/outcrop/regularfile"
)

// besides are the suffixes of the files that SQLite keeps beside a database: the write-ahead log, its index, and the
// rollback journal.
var besides = []string{"-wal", "-shm", "-journal"}

// regular returns ErrCorrupt if the database, or a file that SQLite keeps beside it, is there but is not a regular
// file. The database may be a link to a regular file; SQLite would write its log through a link, so that is refused.
func regular(path string) error {
	if to, err := filepath.EvalSymlinks(path); err == nil { // SQLite keeps its files beside the link's target
		path = to
	}
	for _, suffix := range append([]string{""}, besides...) {
		file := path + suffix
		if linked(file) && suffix != "" {
			return fmt.Errorf("%w: %s is a link; remove it", ErrCorrupt, file)
		}
		if _, err := os.Stat(file); err != nil {
			continue // SQLite says what is wrong
		}
		if err := regularfile.Check(file); err != nil {
			return fmt.Errorf("%w: %w; move it away or name another folder", ErrCorrupt, err)
		}
	}
	return nil
}

func linked(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode()&fs.ModeSymlink != 0
}

// walHeader is the number of bytes before the first page of a write-ahead log.
const walHeader = 32

// leftover reports whether a writer left a write-ahead log with pages beside the database.
func leftover(path string) bool {
	info, err := os.Stat(path + "-wal")
	return err == nil && info.Size() > walHeader
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
