package machine

import (
	"path/filepath"
	"testing"
)

// A folder that is not there yet lies where its parents do.
func TestDisk(t *testing.T) {
	dir := t.TempDir()
	size, free, err := Disk(dir)
	if err != nil || !(size >= free && free > 0) {
		t.Fatalf("%v of %v free, %v", free, size, err)
	}
	if again, _, err := Disk(filepath.Join(dir, "a", "b")); err != nil || again != size {
		t.Errorf("size %v, %v, want %v", again, err, size)
	}
}
