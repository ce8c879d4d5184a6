package sweep

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/variant"
)

// filesOf returns the paths that an arm of a sweep names, of which there must be n.
func filesOf(t *testing.T, s *Sweep, err error, n int) (paths []variant.Path) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	for _, arm := range s.Arms {
		for _, f := range settings.Files(&arm.Config) {
			paths = append(paths, *f.Path)
		}
	}
	if len(paths) != n {
		t.Fatalf("%d paths, want %d: %v", len(paths), n, paths)
	}
	return paths
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

// A path is relative to the file in which it is written, one of --set to the current folder. It is kept as it is
// written.
func TestPathsStartAtTheirFile(t *testing.T) {
	dir, home := t.TempDir(), t.TempDir()
	t.Setenv("HOME", home)
	write(t, filepath.Join(dir, "in/base.yaml"), "data: {name: text, path: sub/book.txt}\n")
	write(t, filepath.Join(dir, "s/mine.yaml"), `name: mine
extends: ../in/base.yaml
arms:
  extended: {}
  own: {data: {path: book.txt}}
  above: {data: {path: ../book.txt}}
  dotted: {data: {path: ./book.txt}}
  home: {data: {path: ~/book.txt}}
  whole: {data: {path: /var/book.txt}}
  glob: {data: {name: bin, path: "*.bin"}}
  chain: {data: {name: backcopy, file: a/chain.txt}}
  none: {data: {path: ""}}
`)
	here := t.TempDir()
	t.Chdir(here)
	s, err := Load(filepath.Join(dir, "s/mine.yaml"))
	paths := filesOf(t, s, err, 8)
	for i, want := range []variant.Path{{Written: "sub/book.txt", At: dir + "/in/sub/book.txt"},
		{Written: "book.txt", At: dir + "/s/book.txt"}, {Written: "../book.txt", At: dir + "/book.txt"},
		{Written: "./book.txt", At: dir + "/s/book.txt"}, {Written: "~/book.txt", At: home + "/book.txt"},
		{Written: "/var/book.txt", At: "/var/book.txt"}, {Written: "*.bin", At: dir + "/s/*.bin"},
		{Written: "a/chain.txt", At: dir + "/s/a/chain.txt"}} {
		if paths[i].Written != want.Written || paths[i].At != want.At {
			t.Errorf("%+v, want %+v", paths[i], want)
		}
	}
	write(t, "plain.yaml", "name: plain\nbase: {data: {name: text, path: a.txt}}\n")
	s, err = Load(filepath.Join(here, "plain.yaml"), "data.path=sub/b.txt")
	if p := filesOf(t, s, err, 1)[0]; p.Written != "sub/b.txt" || p.At != here+"/sub/b.txt" {
		t.Errorf("--set: %+v", p)
	}
	t.Chdir(dir)
	s, err = Load(filepath.Join(here, "plain.yaml"), "data.path=sub/b.txt")
	if p := filesOf(t, s, err, 1)[0]; p.At != dir+"/sub/b.txt" {
		t.Errorf("--set from another folder: %+v", p)
	}
}

// A folder whose name looks like a glob is no part of the pattern.
func TestPathInFolderLikeAPattern(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run[1]*")
	write(t, filepath.Join(dir, "a.bin"), "")
	write(t, filepath.Join(dir, "b?.bin"), "")
	write(t, filepath.Join(dir, "s.yaml"), "name: s\nbase: {data: {name: bin}}\n"+
		"grid: {data.path: ['*.bin', 'b?.bin', a.bin]}\n")
	s, err := Load(filepath.Join(dir, "s.yaml"))
	for i, p := range filesOf(t, s, err, 3) {
		found, err := filepath.Glob(p.At)
		if want := []int{2, 0, 0}[i]; err != nil || len(found) != want || want == 0 && p.At != filepath.Join(dir, p.Written) {
			t.Errorf("%+v finds %v, %v", p, found, err)
		}
	}
}

// A sweep or preset that is part of outcrop lies in no folder.
func TestEmbeddedPaths(t *testing.T) {
	const text = "name: e\nbase: {data: {name: text, path: %}}\n"
	_, err := LoadEmbedded("e.yaml", []byte(strings.Replace(text, "%", "book.txt", 1)))
	const want = `e.yaml:2:33: base.data.path: "book.txt" is relative, but e.yaml is part of outcrop ` +
		"and lies in no folder: write an absolute path, or set it on the command line"
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	for _, fine := range []string{"''", "/var/book.txt"} {
		if _, err := LoadEmbedded("e.yaml", []byte(strings.Replace(text, "%", fine, 1))); err != nil {
			t.Error(err)
		}
	}
	s, err := LoadEmbedded("e.yaml", []byte("name: e\n"), "data={name: text, path: book.txt}")
	if here, _ := os.Getwd(); filesOf(t, s, err, 1)[0].At != filepath.Join(here, "book.txt") {
		t.Errorf("--set: %+v", s.Base.Data)
	}
}

// A stored sweep does not say where its paths start.
func TestStoredPaths(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "in/base.yaml"), "data: {name: text, path: book.txt}\n")
	write(t, filepath.Join(dir, "mine.yaml"),
		"name: mine\nextends: in/base.yaml\narms: {a: {}, b: {extends: in/base.yaml}}")
	s, err := Load(filepath.Join(dir, "mine.yaml"), "train.steps=7")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(s.Source, dir) || strings.Count(s.Source, fileMark) != 1 {
		t.Errorf("%s", s.Source)
	}
	again, err := LoadStored("mine", s.Source)
	for _, p := range filesOf(t, again, err, 2) {
		if p.Written != "book.txt" || p.At != "" {
			t.Errorf("%+v", p)
		}
	}
	if again.Source != s.Source {
		t.Errorf("stored again as\n%s\nwas\n%s", again.Source, s.Source)
	}
}
