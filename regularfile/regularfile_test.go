package regularfile

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Whatever is not a regular file is refused at once, with its path and its kind.
func TestNotRegular(t *testing.T) {
	dir := t.TempDir()
	pipe, socket, link := filepath.Join(dir, "pipe"), filepath.Join(dir, "socket"), filepath.Join(dir, "link")
	if err := unix.Mkfifo(pipe, 0o666); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	if err := os.Symlink(pipe, link); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		pipe: "is a named pipe", link: "is a named pipe", socket: "is a socket", dir: "is a folder",
		"/dev/zero": "is a device", filepath.Join(dir, "none"): "no such file",
	} {
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_, _, opened := Open(path)
			_, read := Read(path, 1<<20)
			for _, err := range []error{opened, read, Check(path)} {
				if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
					t.Errorf("%s: error %v, want %q and the path", path, err, want)
				}
			}
		}()
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: still waiting", path)
		}
	}
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "a"), filepath.Join(dir, "link")
	if err := os.WriteFile(path, []byte("12345"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{path, link} {
		if got, err := Read(at, 5); err != nil || string(got) != "12345" {
			t.Errorf("%s: %q, %v", at, got, err)
		}
		f, size, err := Open(at)
		if err != nil || size != 5 || Check(at) != nil {
			t.Errorf("%s: %d bytes, %v, %v", at, size, err, Check(at))
		}
		_ = f.Close()
	}
	if _, err := Read(path, 4); err == nil || !strings.Contains(err.Error(), "holds more than 4 bytes") {
		t.Errorf("error %v for five bytes where four are allowed", err)
	}
	if _, err := os.Stat("/proc/self/stat"); err == nil { // a regular file whose size is given as 0
		if got, err := Read("/proc/self/stat", 1<<16); err != nil || len(got) == 0 {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		if _, err := Read("/proc/self/stat", 3); err == nil {
			t.Error("a file that is longer than its size says was read beyond the limit")
		}
	}
}

func TestNoPermission(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("the superuser may read every file")
	}
	path := filepath.Join(t.TempDir(), "a")
	if err := os.WriteFile(path, nil, 0); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Open(path); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("error %v, want that reading is not permitted", err)
	}
}
