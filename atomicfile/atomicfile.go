// Package atomicfile writes files so that each appears either complete or not at all.
package atomicfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Suffix ends the name of a file that is still being written. A killed process may leave such a file behind, and that
// file may be deleted.
const Suffix = ".partial"

// Write replaces the file at path with a file that holds content and has the default permissions (0666 before the
// umask). The content is on disk before the new file appears at path, so neither a kill nor a power cut leaves a
// half-written file there. If several processes write to the same path at once, their contents do not mix, and the last
// one to finish wins. If Write returns an error, the file at path is unchanged.
func Write(path string, content []byte) (err error) {
	f, err := create(path)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// create creates a new file beside path. Unlike os.CreateTemp it leaves the permissions to the umask.
func create(path string) (*os.File, error) {
	for n := 0; ; n++ {
		name := fmt.Sprintf("%s-%d-%d%s", filepath.Base(path), os.Getpid(), n, Suffix)
		f, err := os.OpenFile(filepath.Join(filepath.Dir(path), name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
		if !errors.Is(err, os.ErrExist) || n == 1000 {
			return f, err
		}
	}
}
