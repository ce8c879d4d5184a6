// Package regularfile opens files that must be regular: no folder, named pipe, socket or device. Reading a named pipe
// can wait forever, and a device such as /dev/zero has no end.
package regularfile

import (
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/outcrop-lab/outcrop/count"
)

// Check returns an error if the file at path is missing or not regular. It does not open the file, so it suits a
// database that this process may have open already: closing a second handle would release SQLite's locks.
func Check(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return regular(path, info)
}

// Open opens the regular file at path for reading, and returns its size too. Symbolic links are followed. Open never
// waits. If the file is missing, may not be read or is not regular, the error is a *fs.PathError that says so.
func Open(path string) (f *os.File, size int64, err error) {
	if err := Check(path); err != nil { // opening a device can have effects
		return nil, 0, err
	}
	// The file may have been replaced by a named pipe, whose opening waits for a writer unless O_NONBLOCK is given.
	if f, err = os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0); err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil {
		err = regular(path, info)
	}
	if err != nil {
		_ = f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// Read returns the content of the regular file at path, as Open opens it. It returns an error if the file holds more
// than most bytes.
func Read(path string, most int64) ([]byte, error) {
	f, size, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	if size <= most {
		content, err := io.ReadAll(io.LimitReader(f, most+1)) // the size may be wrong: in /proc it is 0
		if err != nil || int64(len(content)) <= most {
			return content, err
		}
	}
	return nil, &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("holds more than %s", count.Of(most, "byte"))}
}

func regular(path string, info fs.FileInfo) error {
	what := ""
	switch mode := info.Mode(); {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		what = "a folder"
	case mode&fs.ModeNamedPipe != 0:
		what = "a named pipe"
	case mode&fs.ModeSocket != 0:
		what = "a socket"
	default:
		what = "a device"
	}
	return &fs.PathError{Op: "open", Path: path, Err: fmt.Errorf("is %s, not a regular file", what)}
}
