package machine

import (
	"errors"
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Disk returns the size of the file system that a folder lies in, or will lie in, and what of it is free for this user,
// in bytes.
func Disk(folder string) (size, free float64, err error) {
	at, err := filepath.Abs(folder)
	if err != nil {
		return 0, 0, err
	}
	for {
		var s unix.Statfs_t
		err := unix.Statfs(at, &s)
		if err == nil {
			block := float64(s.Bsize)
			return float64(s.Blocks) * block, float64(s.Bavail) * block, nil
		}
		if !errors.Is(err, fs.ErrNotExist) || at == filepath.Dir(at) {
			return 0, 0, err
		}
		at = filepath.Dir(at)
	}
}
