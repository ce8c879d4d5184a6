package export

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// The full disk is a small file system in memory, which only the superuser can mount.
func TestFullDiskLeavesNothing(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to mount a small file system")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("needs a system on which root may mount: %v", err)
	}
	defer func() { _ = syscall.Unmount(dir, 0) }()
	db := sample(t)
	for _, format := range []string{"csv", "jsonl", "tensorboard"} { // Parquet compresses the sample to fit
		_, err := Write(t.Context(), db, format, filepath.Join(dir, "out"))
		if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "disk is full") {
			t.Errorf("%s: a full disk gave %v", format, err)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
			t.Errorf("%s: %v was left, %v", format, entries, err)
		}
	}
}
