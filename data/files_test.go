package data

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/outcrop-lab/outcrop/variant"
)

// Whatever is not a regular file is refused at once by every source that reads one, at the key that names it.
func TestNotRegular(t *testing.T) {
	dir := t.TempDir()
	pipe, socket, hidden := filepath.Join(dir, "pipe"), filepath.Join(dir, "socket"), filepath.Join(dir, "hidden")
	if err := unix.Mkfifo(pipe, 0o666); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	if err := os.WriteFile(hidden, []byte(strings.Repeat("hidden ", 100)), 0); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		pipe: "is a named pipe", socket: "is a socket", dir: "is a folder", "/dev/zero": "is a device",
		filepath.Join(dir, "none"): "no such file", filepath.Join(dir, "p*e"): "is a named pipe", hidden: "permission denied",
	} {
		if path == hidden && os.Geteuid() == 0 {
			t.Log("not tried without permission: the superuser may read every file")
			continue
		}
		for key, s := range map[string]Settings{"text.path": &Text{Path: at(path)}, "bin.path": &Bin{Path: at(path)},
			"backcopy.file": &Backcopy{Vocab: 8, Triggers: 1, File: at(path)}} {
			if key == "backcopy.file" && strings.Contains(path, "*") {
				continue // it takes no pattern
			}
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				_, surveyed := s.Survey(t.Context(), 4)
				_, opened := s.Open(4)
				for _, err := range []error{surveyed, opened} {
					at := (*variant.Error)(nil)
					if !errors.As(err, &at) || !strings.HasSuffix(key, "."+at.Key) || !strings.Contains(at.Message, want) {
						t.Errorf("%s: error %v, want %q", key, err, want)
					}
				}
			}()
			select {
			case <-ended:
			case <-time.After(10 * time.Second):
				t.Fatalf("%s %s: still waiting", key, path)
			}
		}
	}
}

// A survey ends when it is told to.
func TestSurveyHeedsItsContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(path, []byte("x"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 1<<40); err != nil {
		t.Skip("no files of a terabyte here:", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	begun := time.Now()
	_, err := (&Bin{Path: at(path), Dtype: "uint8"}).Survey(ctx, 4)
	if took := time.Since(begun); err == nil || took > 10*time.Second {
		t.Errorf("%v after %v", err, took)
	}
}

// A file that changes while it is trained on changes no batch, even if it is cut off.
func TestFileChangedAfterwards(t *testing.T) {
	path := write(t, []byte(strings.Repeat("some text. ", 1<<16)))
	source := open(t, &Text{Path: at(path), BOS: true}, 16)
	var before, after Batch
	source.Batch(&before, 1, 2, 8)
	if err := os.WriteFile(path, []byte("cut"), 0o666); err != nil {
		t.Fatal(err)
	}
	source.Batch(&after, 1, 2, 8)
	if string(asBytes(before.Tokens)) != string(asBytes(after.Tokens)) {
		t.Error("the batch changed with its file")
	}
}

// Memory that is not there is an error, not a crash.
func TestNoMemory(t *testing.T) {
	if _, err := block(1 << 60); err == nil {
		t.Error("an exabyte was given")
	}
}
