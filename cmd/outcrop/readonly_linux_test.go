package main

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// A reviewer reads results that he may not write to: a folder of somebody else, and a read-only mount. Verbs that write
// files take another folder, and write the same bytes there; fit prints the stored fits.
func TestReadOnlyResults(t *testing.T) {
	base := t.TempDir()
	for _, folder := range []string{base, filepath.Dir(base)} {
		if err := os.Chmod(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	results := filepath.Join(base, "results")
	if err := os.Mkdir(results, 0o755); err != nil {
		t.Fatal(err)
	}
	planted(t, results)
	_, fits, _ := outcrop(t.Context(), "fit", "--results", results)
	for _, verb := range []string{"plot", "report"} {
		if code, _, stderr := outcrop(t.Context(), verb, "--results", results); code != exitDone {
			t.Fatalf("%s: exit %d, %s", verb, code, stderr)
		}
	}
	t.Run("folder", func(t *testing.T) {
		program := filepath.Join(base, "outcrop") // another user may not execute the test's own binary
		if err := os.WriteFile(program, read(t, os.Args[0]), 0o755); err != nil {
			t.Fatal(err)
		}
		permissions(t, results, 0o555, 0o444)
		reviewed(t, results, fits, func(args ...string) *exec.Cmd {
			cmd := exec.Command(program, args...)
			if os.Getuid() == 0 {
				const nobody = 65534
				cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
			}
			return cmd
		})
		permissions(t, results, 0o755, 0o644)
	})
	t.Run("mount", func(t *testing.T) {
		mount := filepath.Join(base, "mount")
		if err := os.Mkdir(mount, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := unix.Mount(results, mount, "", unix.MS_BIND, ""); err != nil {
			t.Skipf("needs the right to mount: %v", err)
		}
		t.Cleanup(func() { _ = unix.Unmount(mount, unix.MNT_DETACH) })
		if err := unix.Mount("", mount, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
			t.Skipf("needs the right to mount: %v", err)
		}
		reviewed(t, mount, fits, func(args ...string) *exec.Cmd { return exec.Command(os.Args[0], args...) })
	})
}

// permissions sets those of a folder, of all folders and of all files in it.
func permissions(t *testing.T, dir string, folders, files fs.FileMode) {
	t.Helper()
	if err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return os.Chmod(path, folders)
		}
		return os.Chmod(path, files)
	}); err != nil {
		t.Fatal(err)
	}
}

// reviewed reads results in a folder that the program may not write to.
func reviewed(t *testing.T, results, fits string, program func(args ...string) *exec.Cmd) {
	t.Helper()
	out := t.TempDir()
	for _, folder := range []string{out, filepath.Dir(out)} {
		if err := os.Chmod(folder, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	call := func(want int, args ...string) (stdout, stderr string) {
		t.Helper()
		cmd := program(append(args, "--results", results)...)
		var printed, said bytes.Buffer
		cmd.Stdout, cmd.Stderr, cmd.Dir = &printed, &said, out
		_ = cmd.Run() // its exit code counts
		if code := cmd.ProcessState.ExitCode(); code != want {
			t.Errorf("%v: exit %d, want %d: %s", args, code, want, said.String())
		}
		return printed.String(), said.String()
	}
	for _, args := range [][]string{{"status"}, {"query", "SELECT 1"}, {"show", "planted/w32/0"}, {"compare", "planted"},
		{"export", "--format", "csv", "--out", filepath.Join(out, "csv")}, {"plot", "--out", out}, {"report", "--out", out},
		{"db", "check"}} {
		call(exitDone, args...)
	}
	drawn := 0
	if err := filepath.WalkDir(filepath.Join(out, "planted"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		drawn++
		beside, err := filepath.Rel(out, path)
		if err == nil && !bytes.Equal(read(t, path), read(t, filepath.Join(results, "sweeps", beside))) {
			t.Errorf("%s has other bytes than the one beside the database", beside)
		}
		return err
	}); err != nil || drawn < 3 {
		t.Errorf("%d files were written, %v", drawn, err)
	}
	if stdout, stderr := call(exitDone, "fit"); stdout != fits || !strings.Contains(stderr, "these are the stored fits") {
		t.Errorf("fit prints %q, not the stored fits; %q", stdout, stderr)
	}
	if _, stderr := call(exitFailed, "fit", "--loss", "huber"); !strings.Contains(stderr, "without --loss") {
		t.Errorf("other fits: %q", stderr)
	}
	for _, verb := range []string{"plot", "report"} {
		if _, stderr := call(exitFailed, verb); !strings.Contains(stderr, "--out DIR writes elsewhere") {
			t.Errorf("%s: %q", verb, stderr)
		}
	}
}
