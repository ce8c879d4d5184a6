package main

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/experiments/results"
	"github.com/outcrop-lab/outcrop/experiments/todo"
)

// The ids of testdata/paths, made while paths belonged to them.
const (
	oldFile = "90ab283c3ee6caabd72189a251f1c55291f2c146e899c71394e546f29effbd1d"
	oldHalf = "745e922e61a60a5dce8d5322f45b4977572cbcfedc74e7117c75d25eda406b73"
)

// oldResults unpacks testdata/paths: a folder with here.yaml, half.yaml, data/book.txt, and the results folder old.
func oldResults(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	put := func(path string, from io.Reader) {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.Copy(f, from)
		if err = errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	open := func(name string) *os.File {
		f, err := os.Open(filepath.Join("testdata", "paths", name))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		return f
	}
	put("here.yaml", open("here.yaml"))
	put("half.yaml", open("half.yaml"))
	put("data/book.txt", open("book.txt"))
	unzipped, err := gzip.NewReader(open("old.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(unzipped); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return dir
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			put(h.Name, r)
		}
	}
}

// says fails unless a call of outcrop exits with code and writes words.
func says(t *testing.T, code int, words string, args ...string) (stdout string) {
	t.Helper()
	got, stdout, stderr := outcrop(t.Context(), args...)
	if got != code || !strings.Contains(stdout+stderr, words) {
		t.Errorf("%s: exit %d, want %d and %q:\n%s%s", strings.Join(args, " "), got, code, words, stdout, stderr)
	}
	return stdout
}

// planned returns the rows of a plan.
func planned(t *testing.T, args ...string) []todo.Row {
	t.Helper()
	var d todo.Document
	out := says(t, exitDone, "", append([]string{"plan", "--json"}, args...)...)
	if err := json.Unmarshal([]byte(out), &d); err != nil {
		t.Fatal(err)
	}
	return d.Runs
}

// A results folder of the time when paths belonged to a run's id keeps its runs and their ids, from every folder and
// with every spelling of the path.
func TestOldIDs(t *testing.T) {
	dir, here := oldResults(t), t.TempDir()
	t.Chdir(here)
	folder, file, half := filepath.Join(dir, "old"), filepath.Join(dir, "here.yaml"), filepath.Join(dir, "half.yaml")
	rows := planned(t, file, "--results", folder)
	if rows[0].Run != oldFile || rows[0].Status != "done" || rows[1].Status != "done" {
		t.Errorf("%+v", rows)
	}
	says(t, exitDone, "2 done (2 of them before)", "run", file, "--results", folder)
	fresh := filepath.Join(here, "fresh")
	if row := planned(t, file, "--results", fresh)[0]; row.Run == oldFile || row.Status != "new" {
		t.Errorf("in a fresh folder: %+v", row)
	}
	if err := os.Rename(filepath.Join(dir, "data/book.txt"), filepath.Join(here, "renamed")); err != nil {
		t.Fatal(err)
	}
	if row := planned(t, half, "--results", folder, "--set", "data.path=renamed")[0]; row.Run != oldHalf ||
		row.From != 1116 {
		t.Errorf("renamed: %+v", row)
	}
	if row := planned(t, half, "--results", fresh, "--set", "data.path=renamed")[0]; row.Run == oldHalf {
		t.Errorf("renamed, in a fresh folder: %+v", row)
	}
	says(t, exitDone, "1 done (0 of them before)", "run", half, "--results", folder, "--set", "data.path=renamed")
	says(t, exitDone, "1 done (1 of them before)", "run", half, "--results", folder, "--set", "data.path=./renamed")
	// The run is still known by the path under which it began.
	says(t, exitDone, `path: data/book.txt`, "show", oldHalf[:8], "--results", folder)
}

// The program runs from and in a folder whose name has blanks and what URIs, globs, formats and shells read otherwise.
func TestRunsInAnyFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sp ace %41#ü?", "a[b]*'\"&;$x", "-o")
	for path, content := range map[string]string{
		"outcrop": string(read(t, os.Args[0])),
		"sw eep%20.yaml": strings.ReplaceAll(tiny, "STEPS, batch: 8}",
			"20, batch: 8}\n  data: {name: text, path: 'bo ok#?.txt'}"),
		"bo ok#?.txt": strings.Repeat("the light of the sun is a light. ", 300),
		"t%.csv":      "step,loss\n1,3\n2,2.5\n4,2.2\n8,2\n16,1.9\n32,1.85\n64,1.8\n128,1.8\n",
	} {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{
		{"run", "sw eep%20.yaml", "--results", "re sults?#"},
		{"status", "--results", "re sults?#"},
		{"show", "tiny/a/0", "--results", "re sults?#"},
		{"logs", "tiny/a/0", "--results", "re sults?#"},
		{"probe", "tiny/a/0", "--results", "re sults?#"},
		{"merge", "re sults?#", "--results", "merged %"},
		{"plot", "--out", "fig ures#", "--results", "merged %"},
		{"report", "--out", "re ports?", "--results", dir + "/merged %"},
		{"export", "--format", "parquet", "--out", "ex port%2f", "--results", "/" + dir + "/merged %"},
		{"db", "backup", "co py?mode=memory#.db", "--results", "merged %"},
		{"db", "check", "--results", "merged %"},
		{"resume", "tiny", "--results", "merged %"},
		{"fit", "--csv", "t%.csv", "--figure", "f?#.svg"},
		{"tokenizer", "train", "bo ok#?.txt", "--vocab", "260", "--out", "t#?.json"},
		{"tokenizer", "encode", "t#?.json", "bo ok#?.txt", "--out", "b%41.bin"},
		{"rm", "tiny", "--yes", "--results", "merged %"},
	} {
		cmd := exec.Command(filepath.Join(dir, "outcrop"), args...)
		cmd.Dir = dir
		if said, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%q: %v\n%s", args, err, said)
		}
	}
	for _, want := range []string{"re sults?#/outcrop.db", "re sults?#/sweeps/tiny/report.html", "merged %/outcrop.db",
		"fig ures#/tiny/figures", "re ports?/tiny/report.html", "ex port%2f/runs.parquet", "co py?mode=memory#.db",
		"f?#.svg", "t#?.json", "b%41.bin"} {
		if _, err := os.Stat(filepath.Join(dir, want)); err != nil {
			t.Error(err)
		}
	}
}

// Resume, retry and probe find data by their content, and say what they looked for if they are gone or changed.
func TestDataIsFoundByContent(t *testing.T) {
	dir, here := oldResults(t), t.TempDir()
	t.Chdir(here)
	folder, book := filepath.Join(dir, "old"), filepath.Join(dir, "data/book.txt")
	says(t, exitDone, "", "probe", oldFile[:8], "--results", folder)
	for _, left := range []string{"here.yaml", "half.yaml"} {
		if err := os.Remove(filepath.Join(dir, left)); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(book)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(book, append(text, '!'), 0o666); err != nil {
		t.Fatal(err)
	}
	changed := "the content of data.path, " + book + ", has changed"
	says(t, exitInput, changed, "resume", "half", "--results", folder)
	says(t, exitInput, changed, "probe", oldHalf[:8], "--results", folder)
	if err := os.Remove(book); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"resume", "half"}, {"retry", "half"}, {"probe", oldHalf[:8]}} {
		out := append(args, "--results", folder)
		says(t, exitInput, "run 745e922e61a6: data.path: no data with the digest", out...)
		says(t, exitInput, `as "data/book.txt" is written: put the data back`, out...)
		says(t, exitInput, book, out...)
	}
	if err := os.MkdirAll("data", 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("data/book.txt", text, 0o666); err != nil {
		t.Fatal(err)
	}
	says(t, exitDone, "1 done (0 of them before)", "resume", "half", "--results", folder)
	// From now on the run's folder says where the data lie.
	t.Chdir(t.TempDir())
	says(t, exitDone, "", "probe", oldHalf[:8], "--results", folder)
	says(t, exitDone, "1 done (1 of them before)", "resume", "half", "--results", folder)
}

// A run of both folders, under its old id in one and its new id in the other, is one run once they are merged.
func TestEqualRunsMergeIntoOne(t *testing.T) {
	for _, c := range []struct{ name, into, from string }{{"old into new", "fresh", "old"},
		{"new into old", "old", "fresh"}} {
		t.Run(c.name, func(t *testing.T) {
			dir := oldResults(t)
			t.Chdir(dir)
			says(t, exitDone, "2 done (0 of them before)", "run", "here.yaml", "--results", "fresh")
			kept := planned(t, "here.yaml", "--results", c.into)[0].Run
			if (kept == oldFile) != (c.into == "old") {
				t.Errorf("%s holds %s", c.into, kept)
			}
			out := says(t, exitDone, "", "merge", c.from, "--results", c.into, "--json")
			var merged []results.Merged
			if err := json.Unmarshal([]byte(out), &merged); err != nil {
				t.Fatal(err)
			}
			// The older program did not measure heldout_loss_per_byte, which two runs have at two steps.
			if m := merged[0]; m.Rows != 4 && c.from == "fresh" || m.Conflicts+m.Differences != 0 {
				t.Errorf("%+v", m)
			}
			if again := says(t, exitDone, "", "merge", c.from, "--results", c.into, "--json"); !strings.Contains(again,
				`"runs":0,"rows":0`) {
				t.Errorf("merged again: %s", again)
			}
			rows := planned(t, "here.yaml", "--results", c.into)
			if rows[0].Run != kept || rows[0].Status != "done" {
				t.Errorf("%+v", rows[0])
			}
			text := says(t, exitDone, "", "compare", "here/file", "here/opticks", "--results", c.into, "--json")
			if !strings.Contains(text, `"n":1`) || strings.Contains(text, `"n":2`) {
				t.Errorf("a seed counts twice: %s", text)
			}
			says(t, exitDone, `"n":"1"`, "query", "--results", c.into, "--json",
				"SELECT cast(count(*) AS text) AS n FROM runs WHERE config LIKE '%book.txt%' AND steps = 4")
			says(t, exitDone, "", "db", "check", "--results", c.into)
			says(t, exitDone, "", "report", "--results", c.into)
		})
	}
}
