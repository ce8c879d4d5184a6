package main

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/mattn/go-sqlite3" // the driver

	"github.com/outcrop-lab/outcrop/trainer"
)

// A run of another trainer version cannot be measured, absorbed or resumed, and the message names both versions.
func TestRunsOfAnotherTrainer(t *testing.T) {
	text := strings.ReplaceAll(tiny, "STEPS", "20")
	text = strings.Replace(text, "width: 16", "embed_proj: true, width: 16", 1)
	file, dir := sweepFile(t, text), t.TempDir()
	if code, _, stderr := outcrop(t.Context(), "run", file, "--results", dir); code != exitDone {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	db, err := sql.Open("sqlite3", filepath.Join(dir, "outcrop.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	// The ids of such runs are not those of the sweep as it resolves now, which another number of steps brings about.
	for _, change := range []string{
		fmt.Sprintf("UPDATE runs SET trainer_version = %d", trainer.Version+1),
		"UPDATE sweeps SET source = replace(source, 'steps: 20', 'steps: 21')",
	} {
		if _, err := db.Exec(change); err != nil {
			t.Fatal(err)
		}
	}
	counted := fmt.Sprintf("holds 2 runs of this sweep of trainer version %d, which do not count", trainer.Version+1)
	if code, _, stderr := outcrop(t.Context(), "plan", file, "--results", dir); code != exitDone ||
		!strings.Contains(stderr, counted) {
		t.Errorf("plan: exit %d, %q, want 0 and %q", code, stderr, counted)
	}
	want := fmt.Sprintf("is of trainer version %d, and this outcrop has version %d", trainer.Version+1, trainer.Version)
	for _, args := range [][]string{{"probe", "tiny/a/0"}, {"absorb", "tiny/a/0", "--out", filepath.Join(dir, "m")},
		{"resume", "tiny"}, {"retry", "tiny"}} {
		code, _, stderr := outcrop(t.Context(), append(args, "--results", dir)...)
		if code != exitInput || !strings.Contains(stderr, want) || strings.Contains(stderr, "changed") {
			t.Errorf("%q: exit %d, %q, want 2 and %q", args, code, stderr, want)
		}
	}
}
