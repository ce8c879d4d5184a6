// Package atomicfile writes files that appear whole or not at all.
package atomicfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Suffix ends the name of a file that is still being written. A killed process may leave such a file behind; it may be
// removed.
const Suffix = ".partial"

// Write replaces the file at path by content, with the usual permissions. The content is on the disk before the file
// appears under its name, so that neither a kill nor a power cut leaves half of it there. If several processes write
// one path at the same time, their contents do not mix: the last one wins. On an error the file stays as it was.
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
