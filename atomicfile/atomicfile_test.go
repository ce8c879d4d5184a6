package atomicfile

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
)

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.json")
	for _, content := range []string{"first", "second, which is longer", ""} {
		if err := Write(path, []byte(content)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != content {
			t.Errorf("got %q, %v, want %q", got, err, content)
		}
	}
	mask := syscall.Umask(0)
	syscall.Umask(mask)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o666&^fs.FileMode(mask) {
		t.Errorf("permissions are %v, want what the umask leaves of 0666", info.Mode())
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*"+Suffix)); len(left) > 0 {
		t.Errorf("left %v behind", left)
	}
}

func TestWriteLeavesWhatItCannotReplace(t *testing.T) {
	dir := t.TempDir()
	if err := Write(filepath.Join(dir, "none", "a"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
	taken := filepath.Join(dir, "taken") // a folder that is not empty cannot be renamed over
	if err := os.MkdirAll(filepath.Join(taken, "in"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := Write(taken, []byte("x")); err == nil {
		t.Error("a folder was replaced")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*"+Suffix)); len(left) > 0 {
		t.Errorf("left %v behind", left)
	}
}

func TestWritersAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for range 20 {
				if err := Write(path, bytes.Repeat([]byte{byte('a' + i)}, 1000+i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if i := int(got[0] - 'a'); !bytes.Equal(got, bytes.Repeat([]byte{got[0]}, 1000+i)) {
		t.Errorf("the writers mixed: %d bytes, from %q", len(got), got[0])
	}
}

// A link or a named pipe under the name of the half-written file is replaced, not written to.
func TestWriteFollowsNoLink(t *testing.T) {
	dir := t.TempDir()
	path, victim := filepath.Join(dir, "a"), filepath.Join(dir, "victim")
	if err := os.WriteFile(victim, []byte("kept"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, make := range []func() error{
		func() error { return os.Symlink(victim, path+Suffix) },
		func() error { return os.Symlink(filepath.Join(dir, "none"), path+Suffix) },
		func() error { return syscall.Mkfifo(path+Suffix, 0o666) },
	} {
		if err := make(); err != nil {
			t.Fatal(err)
		}
		if err := Write(path, []byte("new")); err != nil {
			t.Error(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != "new" {
			t.Errorf("got %q, %v", got, err)
		}
	}
	if got, err := os.ReadFile(victim); err != nil || string(got) != "kept" {
		t.Errorf("the link was followed: %q, %v", got, err)
	}
}

// What a killed process left half written is replaced, and nothing is left behind.
func TestWriteAfterAKill(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	if err := os.WriteFile(path+Suffix, []byte("half of something longer"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := Write(path, []byte("whole")); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "whole" {
		t.Errorf("got %q, %v", got, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*"+Suffix)); len(left) > 0 {
		t.Errorf("left %v behind", left)
	}
}
