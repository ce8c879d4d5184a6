package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/experiments/results"
	"github.com/outcrop-lab/outcrop/store"
)

// Half a sweep that was trained elsewhere is merged, twice, and the sweep goes on with the rest. Then it is merged run
// by run, from a folder with another name. Bad folders are refused before anything is merged.
//
//nolint:funlen // one function, because each merge works on the results of the one before
func TestMerge(t *testing.T) {
	text := strings.ReplaceAll(tiny, "STEPS", "40")
	whole, elsewhere, into := t.TempDir(), t.TempDir(), t.TempDir()
	file := sweepFile(t, text)
	if code, _, stderr := outcrop(t.Context(), "run", file, "--results", whole); code != exitDone {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	half := sweepFile(t, strings.Replace(text, "arms: {a: {}, b:", "arms: {b:", 1))
	if code, _, stderr := outcrop(t.Context(), "run", half, "--results", elsewhere); code != exitDone {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	merge := func(dirs ...string) (all []results.Merged) {
		t.Helper()
		code, out, stderr := outcrop(t.Context(), append([]string{"merge", "--json", "--results", into}, dirs...)...)
		if err := json.Unmarshal([]byte(out), &all); err != nil || code != exitDone {
			t.Fatalf("exit %d, %v: %s %s", code, err, out, stderr)
		}
		return all
	}

	garbage, empty := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(garbage, "run.db"), []byte(strings.Repeat("garbage ", 99)), 0o666); err != nil {
		t.Fatal(err)
	}
	fresh := filepath.Join(t.TempDir(), "results")
	code, _, stderr := outcrop(t.Context(), "merge", elsewhere, garbage, empty, filepath.Join(empty, "none"),
		"--results", fresh)
	for _, want := range []string{garbage + ": store: reading", "not a sound outcrop database",
		empty + ": holds neither", "none: no such file"} {
		if code != exitInput || !strings.Contains(strings.ReplaceAll(stderr, "stat "+empty+"/none: ", ""), want) {
			t.Errorf("exit %d: %s, want 2 and %q", code, stderr, want)
		}
	}
	if _, err := os.Stat(fresh); err == nil {
		t.Error("something was made")
	}

	first := merge(elsewhere)
	if len(first) != 1 || first[0].Runs != 1 || first[0].Rows < 100 || first[0].Copied != 1 ||
		first[0].Conflicts+first[0].Differences != 0 {
		t.Errorf("the first merge brought %+v", first)
	}
	before := statistics(t, into)
	if again := merge(elsewhere, filepath.Join(elsewhere, "runs")); len(again) != 2 ||
		!reflect.DeepEqual(again[0], results.Merged{From: elsewhere}) ||
		again[1].Rows+again[1].Copied != 0 || string(statistics(t, into)) != string(before) {
		t.Errorf("the second merge brought %+v", again)
	}
	if code, _, stderr := outcrop(t.Context(), "run", file, "--results", into); code != exitDone ||
		!strings.Contains(stderr, "2 done (1 of them before)") {
		t.Errorf("exit %d: %s", code, stderr)
	}
	sameStatistics(t, whole, into)
	if code, _, stderr := outcrop(t.Context(), "merge", into, "--results", into); code != exitInput ||
		!strings.Contains(stderr, "itself") {
		t.Errorf("into itself: exit %d: %s", code, stderr)
	}

	into = t.TempDir()
	shards, err := filepath.Glob(filepath.Join(whole, "runs", "*"))
	if err != nil || len(shards) != 2 {
		t.Fatal(shards, err)
	}
	moved := filepath.Join(t.TempDir(), "a run from afar")
	if err := os.CopyFS(moved, os.DirFS(shards[0])); err != nil {
		t.Fatal(err)
	}
	if all := merge(moved, shards[1]); all[0].Copied != 1 || all[1].Copied != 1 {
		t.Errorf("run by run %+v", all)
	}
	sameStatistics(t, whole, into)
	id := filepath.Base(shards[0])
	if code, _, stderr := outcrop(t.Context(), "probe", id[:12], "--results", into); code != exitDone {
		t.Errorf("measuring a merged run: exit %d: %s", code, stderr)
	}

	// Another value from the same machine and build is a conflict, and the verb warns of it.
	shard, err := store.Open(filepath.Join(moved, "run.db"))
	if err != nil {
		t.Fatal(err)
	}
	run, _, err := shard.RunByID(id)
	if err != nil {
		t.Fatal(err)
	}
	run.ID = strings.Repeat("0", 64)
	if err := shard.PutRun(run); err != nil {
		t.Fatal(err)
	}
	if err := shard.Close(); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := outcrop(t.Context(), "merge", moved, "--results", into); code != exitInput ||
		!strings.Contains(stderr, "holds 2 runs") {
		t.Errorf("two runs in one folder: exit %d: %s", code, stderr)
	}
	liar := t.TempDir()
	if shard, err = store.Open(filepath.Join(liar, "run.db")); err != nil {
		t.Fatal(err)
	}
	run.ID = id
	if err := shard.PutRun(run); err != nil {
		t.Fatal(err)
	}
	if err := shard.PutRows(id, 1, []store.Row{{Site: "run", Statistic: "loss", Layer: -1, Head: -1, Idx: -1,
		Value: 99}}); err != nil {
		t.Fatal(err)
	}
	if err := shard.Close(); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := outcrop(t.Context(), "merge", liar, "--results", into); code != exitDone ||
		!strings.Contains(stderr, "1 value differs from the one stored before") {
		t.Errorf("a conflict: exit %d: %s", code, stderr)
	}
}
