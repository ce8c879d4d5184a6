package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// After each verb outcrop.db alone holds everything: a copy of that one file, without what lies beside it, answers
// every query, and `status`, as the original does.
func TestDatabaseAloneIsEnough(t *testing.T) {
	text := seeded(bothArms, "2")
	elsewhere, dir := trained(t, seeded(bothArms, "[1, 2]")), t.TempDir()
	file, long := sweepFile(t, text), sweepFile(t, strings.NewReplacer("name: tiny", "name: long",
		"steps: 20", "steps: 2000000").Replace(seeded("{a: {}}", "1")))
	verb := func(want int, args ...string) {
		t.Helper()
		p := start(t, append(args, "--results", dir)...)
		if code := p.exit(t); code != want {
			t.Fatalf("%v: exit %d: %s", args, code, p.err.String())
		}
		sameAlone(t, dir, args)
	}
	verb(exitDone, "run", file)
	verb(exitDone, "merge", elsewhere)
	verb(exitDone, "fit")
	verb(exitDone, "status")
	verb(exitDone, "compare", "tiny")
	verb(exitDone, "derive", "tiny")
	verb(exitDone, "report")
	verb(exitDone, "plot", "emergence")
	verb(exitDone, "probe", "tiny/a/0", "--statistics", "matrix_entropy")
	verb(exitDone, "export", "--out", t.TempDir(), "--format", "csv")
	verb(exitDone, "rm", "tiny/b/2", "--yes")

	p := start(t, "run", long, "--results", dir)
	p.says(t, "running, step")
	stop := start(t, "stop", "long", "--results", dir)
	if code := stop.exit(t); code != exitDone {
		t.Fatalf("stop: exit %d: %s", code, stop.err.String())
	}
	if code := p.exit(t); code != exitInterrupted {
		t.Fatalf("a stopped run: exit %d: %s", code, p.err.String())
	}
	sameAlone(t, dir, []string{"stop"})
	p = start(t, "resume", "long", "--results", dir)
	p.says(t, "running, step")
	p.interrupt(t)
	if code := p.exit(t); code != exitInterrupted {
		t.Fatalf("an interrupted run: exit %d: %s", code, p.err.String())
	}
	sameAlone(t, dir, []string{"resume"})
	verb(exitDone, "retry", "tiny")
	verb(exitDone, "db", "vacuum")
	verb(exitDone, "db", "check")
	verb(exitDone, "rm", "long", "--yes")
}

// sameAlone compares a results folder with a copy of its outcrop.db.
func sameAlone(t *testing.T, dir string, after []string) {
	t.Helper()
	copied := t.TempDir()
	content := read(t, filepath.Join(dir, "outcrop.db"))
	if err := os.WriteFile(filepath.Join(copied, "outcrop.db"), content, 0o666); err != nil {
		t.Fatal(err)
	}
	ask := func(results string, args ...string) string {
		t.Helper()
		code, out, stderr := outcrop(t.Context(), append(args, "--json", "--results", results)...)
		if code != exitDone {
			t.Fatalf("after %v: %v: exit %d: %s", after, args, code, stderr)
		}
		return out
	}
	same := func(args ...string) string {
		t.Helper()
		alone := ask(copied, args...) // first: the other would fold a log into the original
		if whole := ask(dir, args...); whole != alone {
			t.Errorf("after %v: %v: alone it says\n%.600s\nwant\n%.600s", after, args, alone, whole)
		}
		return alone
	}
	var tables []struct{ Name string }
	if err := json.Unmarshal([]byte(same("query", "SELECT name FROM sqlite_schema WHERE type = 'table'")),
		&tables); err != nil || len(tables) < 10 {
		t.Fatal(tables, err)
	}
	for _, table := range tables {
		same("query", fmt.Sprintf(`SELECT * FROM "%s"`, table.Name))
	}
	same("status")
}
