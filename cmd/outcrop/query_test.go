package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/outcrop-lab/outcrop/store"
)

const counting = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n"

func emptyResults(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	db, err := store.Open(filepath.Join(dir, "outcrop.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// A query that never ends prints its rows as they come, if it has any, and ends at Ctrl-C.
func TestQueryIsInterrupted(t *testing.T) {
	dir := emptyResults(t)
	for _, text := range []string{counting + ") SELECT i, 'x' AS x FROM n", counting + ") SELECT max(i) FROM n"} {
		for _, format := range [][]string{nil, {"--json"}, {"--csv"}} {
			p := start(t, append([]string{"query", text, "--results", dir}, format...)...)
			if strings.Contains(text, "max") {
				time.Sleep(300 * time.Millisecond)
			} else {
				for deadline := time.Now().Add(time.Minute); !strings.Contains(p.out.String(), "3000"); {
					if time.Now().After(deadline) {
						t.Fatalf("%s %v: prints nothing", text, format)
					}
					time.Sleep(10 * time.Millisecond)
				}
			}
			p.interrupt(t)
			clock := time.Now()
			if code := p.exit(t); code != exitInterrupted {
				t.Errorf("%s %v: exit %d: %s", text, format, code, p.err.String())
			}
			if took := time.Since(clock); took > 2*time.Second {
				t.Errorf("%s %v: ended after %v", text, format, took)
			}
		}
	}
}

// All rows of a long table are printed whole and in order, aligned by the first thousand; a huge value is cut in the
// table alone.
func TestQueryTable(t *testing.T) {
	dir := emptyResults(t)
	code, out, stderr := outcrop(t.Context(), "query", counting+
		" LIMIT 2500) SELECT i AS step, i * 1000000 AS million FROM n", "--results", dir)
	lines := strings.Split(out, "\n")
	if code != exitDone || len(lines) != 2502 || lines[0] != "step  million" || lines[1] != "1     1000000" ||
		lines[999] != "999   999000000" || lines[2500] != "2500  2500000000" {
		t.Errorf("exit %d, %d lines: %.60q %s", code, len(lines), out, stderr)
	}
	for _, huge := range []string{"printf('%.*c', 3000, 'é')", "printf('%.*c', 300000, 'x')", "zeroblob(300000)"} {
		text := "SELECT " + huge + " AS huge, 1 AS one"
		code, out, stderr := outcrop(t.Context(), "query", text, "--results", dir)
		if longest := len([]rune(strings.Split(out, "\n")[1])); code != exitDone || longest != widest+3 ||
			!strings.Contains(out, "…  1") {
			t.Errorf("%s: exit %d, a line of %d characters: %s", huge, code, longest, stderr)
		}
		code, out, _ = outcrop(t.Context(), "query", text, "--csv", "--results", dir)
		if code != exitDone || len(out) < 3000 {
			t.Errorf("%s: CSV of %d bytes, exit %d", huge, len(out), code)
		}
	}
	for _, text := range []string{"SELECT ?1", "SELECT ?", "SELECT :x", "SELECT @x", "SELECT $x", "SELECT 1 WHERE 2>?9"} {
		if code, _, stderr := outcrop(t.Context(), "query", text, "--results", dir); code != exitInput ||
			!strings.Contains(stderr, "write the value itself") {
			t.Errorf("%s: exit %d: %s", text, code, stderr)
		}
	}
}
