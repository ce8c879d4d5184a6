package outcrop_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// program says which commit it was built from.
const program = `package main

import (
	"fmt"
	"runtime/debug"
)

func main() {
	info, _ := debug.ReadBuildInfo()
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			fmt.Println("revision", s.Value)
			return
		}
	}
	fmt.Println("no revision")
}
`

// make build makes the program wherever git cannot tell the commit, and says that it does not bear one; elsewhere the
// program bears it.
func TestBuildWithoutCommit(t *testing.T) {
	for _, tool := range []string{"make", "git", "cc"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	for _, c := range []struct {
		name   string
		before func(t *testing.T, dir string)
		want   string
		says   string
	}{
		{"own", func(*testing.T, string) {}, "revision ", ""},
		{"anotherUser", func(t *testing.T, dir string) {
			t.Helper()
			if os.Getuid() != 0 {
				t.Skip("only root can give a folder to another user")
			}
			command(t, dir, "chown", "-R", "65534", ".")
		}, "no revision", "safe.directory"},
		{"brokenRepository", func(t *testing.T, dir string) {
			t.Helper()
			write(t, filepath.Join(dir, ".git", "HEAD"), "nothing")
		}, "no revision", "not a git repository"},
		{"movedWorktree", func(t *testing.T, dir string) {
			t.Helper()
			if err := os.RemoveAll(filepath.Join(dir, ".git")); err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(dir, ".git"), "gitdir: /nowhere/.git/worktrees/outcrop\n")
		}, "no revision", "not a git repository"},
		{"archive", func(t *testing.T, dir string) {
			t.Helper()
			if err := os.RemoveAll(filepath.Join(dir, ".git")); err != nil {
				t.Fatal(err)
			}
		}, "no revision", "not a git repository"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := repository(t)
			c.before(t, dir)
			said := command(t, dir, "make", "build")
			if !strings.Contains(said, c.says) || c.says != "" && !strings.Contains(said, "without its commit") {
				t.Errorf("make build says\n%s\nwant %q", said, c.says)
			}
			if got := command(t, dir, "bin/outcrop"); !strings.HasPrefix(got, c.want) {
				t.Errorf("the program says %q, want %q", got, c.want)
			}
		})
	}
}

// repository returns the folder of a committed module that has this Makefile and a program in place of outcrop.
func repository(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	makefile, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "Makefile"), string(makefile))
	write(t, filepath.Join(dir, "go.mod"), "module example.org/outcrop\n\ngo 1.26\n")
	write(t, filepath.Join(dir, "cmd", "outcrop", "main.go"), program)
	command(t, dir, "git", "init", "-q")
	command(t, dir, "git", "add", ".")
	command(t, dir, "git", "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-q", "-m", "a program")
	return dir
}

// command runs a program in a folder, without flags or configuration of the caller, and returns what it says.
func command(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	c := exec.Command(name, args...)
	c.Dir = dir
	// make puts its own flags and targets into the environment of the tests that it runs.
	c.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_CEILING_DIRECTORIES="+filepath.Dir(dir), "LC_ALL=C", "MAKEFLAGS=", "MAKELEVEL=0")
	said, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, said)
	}
	return string(said)
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
}
