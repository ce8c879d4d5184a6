package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/experiments/results"

	"github.com/outcrop-lab/outcrop/store"
)

// onlyRun is the id of the run that resultsOf stores.
var onlyRun = strings.Repeat("0", 64)

// resultsOf returns a results folder whose database holds one run.
func resultsOf(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	db, err := store.Open(filepath.Join(dir, "outcrop.db"))
	if err != nil {
		t.Fatal(err)
	}
	row := store.Row{Site: "run", Statistic: "loss", Layer: -1, Head: -1, Idx: -1}
	rising := row
	rising.Value = math.Inf(1)
	row.Value = math.NaN()
	for _, err := range []error{
		db.PutRun(store.Run{ID: onlyRun, Config: "{}", Steps: 2}), db.PutRows(onlyRun, 1, []store.Row{row}),
		db.PutRows(onlyRun, 2, []store.Row{rising}), db.Close(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestQueryPrints(t *testing.T) {
	results := resultsOf(t)
	text := "SELECT run, step, value FROM statistics ORDER BY step"
	for format, want := range map[string]string{
		"":      "run" + strings.Repeat(" ", 63) + "step  value\n" + onlyRun + "  1     \n" + onlyRun + "  2     inf\n",
		"--csv": "run,step,value\n" + onlyRun + ",1,\n" + onlyRun + ",2,inf\n",
		"--json": "[{\"run\":\"" + onlyRun + "\",\"step\":1,\"value\":null},\n {\"run\":\"" + onlyRun +
			"\",\"step\":2,\"value\":\"Infinity\"}]\n",
	} {
		args := []string{"query", text, "--results", results}
		if format != "" {
			args = append(args, format)
		}
		if code, out, stderr := outcrop(t.Context(), args...); code != exitDone || out != want {
			t.Errorf("%q: exit %d, %q %s, want %q", format, code, out, stderr, want)
		}
	}
	if code, out, _ := outcrop(t.Context(), "query", "SELECT 1 WHERE 0", "--json", "--results",
		results); code != exitDone || out != "[]\n" {
		t.Errorf("no rows: exit %d, %q", code, out)
	}
}

func TestDatabaseVerbs(t *testing.T) {
	dir := resultsOf(t)
	if code, out, stderr := outcrop(t.Context(), "db", "check", "--results", dir); code != exitDone ||
		!strings.HasSuffix(out, "outcrop.db: sound\n") {
		t.Errorf("check: exit %d, %q %s", code, out, stderr)
	}
	if code, _, stderr := outcrop(t.Context(), "db", "vacuum", "--results", dir); code != exitDone {
		t.Errorf("vacuum: exit %d, %s", code, stderr)
	}
	copied := filepath.Join(t.TempDir(), "outcrop.db")
	if code, _, stderr := outcrop(t.Context(), "db", "backup", copied, "--results", dir); code != exitDone {
		t.Errorf("backup: exit %d, %s", code, stderr)
	}
	if code, _, stderr := outcrop(t.Context(), "db", "check", "--results", filepath.Dir(copied)); code != exitDone {
		t.Errorf("check of the copy: exit %d, %s", code, stderr)
	}
	db, err := store.Open(filepath.Join(dir, "outcrop.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := db.SetStatus(onlyRun, "done", 9, ""); err != nil { // of 2 steps
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	code, out, stderr := outcrop(t.Context(), "db", "check", "--json", "--results", dir)
	var got results.Checked
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != exitFailed || got.Sound ||
		len(got.Faults) != 1 || !strings.Contains(got.Faults[0], "step 9 of 2") {
		t.Errorf("check of a broken database: exit %d, %q %s %v", code, out, stderr, err)
	}
}

func TestCheckOfADamagedDatabase(t *testing.T) {
	results := resultsOf(t)
	path := filepath.Join(results, "outcrop.db")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	scratched := append([]byte{}, whole...)
	copy(scratched[len(scratched)/2:], strings.Repeat("\xff", 8192))
	for name, content := range map[string][]byte{"cut": whole[:len(whole)/2+100], "scratched": scratched,
		"no database": []byte(strings.Repeat("text ", 1000))} {
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		code, out, stderr := outcrop(t.Context(), "db", "check", "--results", results)
		if code != exitFailed || out == "" || strings.Contains(out, ": sound") || !strings.Contains(stderr, "is not sound") {
			t.Errorf("%s: exit %d, %q %q, want 1 and what is wrong", name, code, out, stderr)
		}
	}
}

func TestDatabaseVerbsRefuse(t *testing.T) {
	results, empty, out := resultsOf(t), t.TempDir(), filepath.Join(t.TempDir(), "out")
	for _, c := range []struct {
		want string
		args []string
	}{
		{"no results there yet", []string{"db", "check", "--results", empty}},
		{"no results there yet", []string{"db", "vacuum", "--results", empty}},
		{"no results there yet", []string{"export", "--format", "csv", "--out", out, "--results", empty}},
		{"no results there yet", []string{"query", "SELECT 1", "--results", empty}},
		{"only SELECT is answered", []string{"query", "DELETE FROM stats", "--results", results}},
		{"no such table: stat", []string{"query", "SELECT * FROM stat", "--results", results}},
		{`did you mean "parquet"? (csv, jsonl, parquet, tensorboard)`, []string{"export", "--format", "parquett", "--out",
			out, "--results", results}},
		{"wants --format (csv, jsonl, parquet, tensorboard) and --out", []string{"export", "--results", results}},
		{"name another file", []string{"db", "backup", filepath.Join(results, "outcrop.db"), "--results", results}},
		{"exclude each other", []string{"query", "SELECT 1", "--json", "--csv", "--results", results}},
	} {
		if code, stdout, stderr := outcrop(t.Context(), c.args...); code != exitInput ||
			!strings.Contains(stderr, c.want) || stdout != "" {
			t.Errorf("%v: exit %d, %q %q, want 2 and %q", c.args, code, stdout, stderr, c.want)
		}
	}
	for _, path := range []string{out, filepath.Join(empty, "outcrop.db")} {
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s was written", path)
		}
	}
}
