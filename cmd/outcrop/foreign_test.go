package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mattn/go-sqlite3"

	"github.com/outcrop-lab/outcrop/store"
)

// elsewhere makes a results folder of one done run in one sweep, changed by statements as somebody who can write to its
// file does. Beside it lie the folders victim and mine, the latter the results folder into which it is to be merged.
func elsewhere(t *testing.T, statements ...string) (evil, mine, victim string) {
	t.Helper()
	root := t.TempDir()
	evil, mine, victim = filepath.Join(root, "evil"), filepath.Join(root, "mine"), filepath.Join(root, "victim")
	for _, dir := range []string{evil, victim, filepath.Join(victim, "figures"), filepath.Join(mine, "sweeps", "kept")} {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{"report.html", "figures/emergence.svg", "precious"} {
		if err := os.WriteFile(filepath.Join(victim, path), []byte("kept"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	id := strings.Repeat("ab", 32)
	path := filepath.Join(evil, "outcrop.db")
	db, err := store.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		db.PutRun(store.Run{ID: id, Config: "{}", Steps: 1, Step: 1, Status: store.Done}),
		db.PutRows(id, 1, []store.Row{{Site: "run", Statistic: "loss", Layer: -1, Head: -1, Idx: -1, Value: 1}}),
		db.PutSweep(store.Sweep{Name: "k", Arms: []store.Arm{{Name: "a", Differs: "[]"}}},
			[]store.Member{{Sweep: "k", Arm: "a", Run: id}}),
		db.Close(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	forge(t, path, statements...)
	return evil, mine, victim
}

// forge runs statements on a database, whatever its rules.
func forge(t *testing.T, path string, statements ...string) {
	t.Helper()
	raw := sql.OpenDB(forger(path))
	defer func() { _ = raw.Close() }()
	for _, text := range statements {
		if _, err := raw.Exec(text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
}

// forger opens a database without any of the store's settings.
type forger string

// Connect implements driver.Connector.
func (f forger) Connect(context.Context) (driver.Conn, error) {
	return f.Driver().Open("file:" + string(f))
}

// Driver implements driver.Connector.
func (f forger) Driver() driver.Driver { return &sqlite3.SQLiteDriver{} }

// A merge refuses names that would become paths outside of the results, and adds nothing. Nor do the verbs follow such
// names where somebody wrote them into the results' own database.
func TestForgedNames(t *testing.T) {
	names := []string{"../../victim", "..", ".", "/etc", "", "a/b", `a\b`, "k\x00/../../victim", strings.Repeat("x", 64),
		strings.ToUpper(strings.Repeat("ab", 32)), strings.Repeat("a", 63), strings.Repeat("a/", 2000)}
	for i, name := range names {
		hex := fmt.Sprintf("CAST(x'%x' AS TEXT)", name)
		for what, statements := range map[string][]string{
			"run": {"UPDATE runs SET hash = " + hex, "UPDATE members SET run = " + hex},
			"sweep": {"UPDATE sweeps SET name = " + hex, "UPDATE arms SET sweep = " + hex,
				"UPDATE members SET sweep = " + hex},
		} {
			if what == "sweep" && i > 7 {
				continue // these may name a sweep
			}
			evil, mine, victim := elsewhere(t, statements...)
			code, _, stderr := outcrop(t.Context(), "merge", evil, "--results", mine)
			if code != exitInput || !strings.Contains(stderr, evil) {
				t.Errorf("merge of the %s %.20q: exit %d, %s", what, name, code, stderr)
			}
			if _, err := os.Stat(filepath.Join(mine, "outcrop.db")); err == nil {
				t.Errorf("merge of the %s %.20q: something was merged", what, name)
			}
			if err := os.Rename(filepath.Join(evil, "outcrop.db"), filepath.Join(mine, "outcrop.db")); err != nil {
				t.Fatal(err)
			}
			for _, args := range [][]string{{"rm", "k", "--yes"}, {"rm", "k/a", "--yes"}, {"rm", name, "--yes"},
				{"rm", name + "/", "--yes"}, {"report"}, {"plot"}, {"show", "k/a/0"}, {"probe", "k/a/0"},
				{"absorb", "k/a/0", "--out", filepath.Join(mine, "out")}} {
				code, _, stderr := outcrop(t.Context(), append(args, "--results", mine)...)
				if what == "run" && (args[0] == "report" || args[0] == "plot") {
					continue // they make no path of a run
				}
				if code == exitInput || name == "" && args[0] == "rm" { // "" names the run
					continue
				}
				t.Errorf("%v with the %s %.20q: exit %d, %s", args, what, name, code, stderr)
			}
			untouched(t, mine, victim)
		}
	}
}

// untouched checks that nothing outside of what is Outcrop's was removed, written over or added.
func untouched(t *testing.T, mine, victim string) {
	t.Helper()
	for _, path := range []string{"report.html", "figures/emergence.svg", "precious"} {
		if got, err := os.ReadFile(filepath.Join(victim, path)); err != nil || string(got) != "kept" {
			t.Errorf("%s is %q, %v", path, got, err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(victim, "*")); len(left) != 3 {
		t.Errorf("the victim holds %v", left)
	}
	if _, err := os.Stat(filepath.Join(mine, "sweeps", "kept")); err != nil {
		t.Error(err)
	}
	left, err := os.ReadDir(filepath.Join(mine, "sweeps"))
	if err != nil || slices.ContainsFunc(left, func(e os.DirEntry) bool { return e.Name() != "k" && e.Name() != "kept" }) {
		t.Errorf("the results' sweeps are %v, %v", left, err)
	}
}

// A link in the place of a run's or a sweep's folder is not followed.
func TestLinkedFolders(t *testing.T) {
	id := strings.Repeat("ab", 32)
	for _, link := range []string{"runs/" + id, "sweeps/k", "sweeps/k/figures", "sweeps"} {
		results, _, victim := elsewhere(t)
		at := filepath.Join(results, link)
		if err := os.MkdirAll(filepath.Dir(at), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(victim, at); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{{"rm", "k", "--yes"}, {"report"}, {"plot"}} {
			code, _, stderr := outcrop(t.Context(), append(args, "--results", results)...)
			if strings.HasPrefix(link, "runs") && args[0] != "rm" {
				continue // makes no path of a run
			}
			if code != exitInput || !strings.Contains(stderr, "is a link, which is not followed") {
				t.Errorf("%v with a link %s: exit %d, %s", args, link, code, stderr)
			}
		}
		untouched(t, filepath.Join(filepath.Dir(results), "mine"), victim)
	}
}
