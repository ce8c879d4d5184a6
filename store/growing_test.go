package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// Shards that are merged while they grow, at any time, in any order and any number of times, give the same results as
// merging each once at the end. The values follow from their key, as a deterministic trainer's do.
//
//nolint:funlen // one property, step by step
func TestMergingWhileShardsGrow(t *testing.T) {
	dir := t.TempDir()
	must(t, open(t, filepath.Join(dir, "new.db")).Close())
	schema, err := os.ReadFile(filepath.Join(dir, "new.db")) // copying its schema is faster than making it
	must(t, err)
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		ok := func(err error) {
			if err != nil {
				t.Helper()
				t.Fatal(err)
			}
		}
		fresh := func(name string) *DB {
			path := filepath.Join(dir, fmt.Sprint(n, name, ".db"))
			ok(os.WriteFile(path, schema, 0o666))
			db, err := Open(path)
			ok(err)
			return db
		}
		merge := func(db *DB, path string) MergeResult {
			brought, err := db.Merge(path)
			ok(err)
			return brought
		}
		count := rapid.IntRange(1, 2).Draw(t, "shards")
		shards, steps := make([]*DB, count), make([]int, count)
		growing := fresh("growing")
		for i := range shards {
			shards[i] = fresh(fmt.Sprint("shard", i))
		}
		for range rapid.IntRange(1, 12).Draw(t, "events") {
			i := rapid.IntRange(0, count-1).Draw(t, "shard")
			shard, id := shards[i], idOf(fmt.Sprint("run", i))
			switch rapid.SampledFrom([]string{"start", "rows", "again", "end", "merge", "merge"}).Draw(t, "event") {
			case "start": // also a second time, as a resumed worker does
				r := run(id)
				r.Step, r.Status = 0, "running"
				ok(shard.PutRun(r))
			case "rows":
				if _, there, err := shard.RunByID(id); err != nil || !there {
					ok(err)
					continue
				}
				steps[i]++
				ok(shard.PutRows(id, steps[i], stepRows(steps[i])))
				ok(shard.PutTiming(id, steps[i], "tokens_per_second", float64(steps[i])))
			case "again": // steps since the last checkpoint, with the same bits
				if steps[i] > 0 {
					ok(shard.PutRows(id, steps[i], stepRows(steps[i])))
				}
			case "end":
				if _, there, err := shard.RunByID(id); err != nil || !there {
					ok(err)
					continue
				}
				ok(shard.SetStatus(id, "done", 100, ""))
			case "merge":
				merge(growing, shard.Path())
				if brought := merge(growing, shard.Path()); brought != (MergeResult{}) {
					t.Fatalf("a second merge brought %+v", brought)
				}
			}
		}
		paths := make([]string, count)
		for i, shard := range shards {
			// A run that has ended stays ended in the results, whatever a worker says later.
			if r, there, err := growing.RunByID(idOf(fmt.Sprint("run", i))); err == nil && there && r.Status == "done" {
				ok(shard.SetStatus(r.ID, "done", 100, ""))
			}
			paths[i] = shard.Path()
			ok(shard.Close())
		}
		for _, path := range rapid.Permutation(slices.Concat(paths, paths)).Draw(t, "order") {
			merge(growing, path)
		}
		once := fresh("once")
		for _, path := range paths {
			merge(once, path)
		}
		if got, want := dump(t, growing), dump(t, once); got != want {
			t.Fatalf("merged while they grew\n%s\nmerged once\n%s", got, want)
		}
		conflicts, err := growing.Conflicts()
		ok(err)
		if len(conflicts) > 0 {
			t.Fatalf("%d conflicts", len(conflicts))
		}
		ok(errors.Join(growing.Check(), growing.Close(), once.Close()))
	})
}

// A writer that was killed before its file had a write-ahead log can leave a rollback journal. Whoever opens the file
// next rolls it back, even a merge or a reader.
func TestMergeRollsBackWhatAKilledWriterLeft(t *testing.T) {
	dir := t.TempDir()
	path, killed := filepath.Join(dir, "writing.db"), filepath.Join(dir, "killed.db")
	shard := open(t, path)
	must(t, shard.PutRun(run("r")))
	for step := range 50 {
		must(t, shard.PutRows(idOf("r"), step, stepRows(step)))
	}
	for _, statement := range []string{"PRAGMA journal_mode = DELETE", "PRAGMA cache_size = 2", "BEGIN IMMEDIATE",
		"UPDATE stats SET value = -1"} {
		_, err := shard.sql.Exec(statement)
		must(t, err)
	}
	for _, suffix := range []string{"", "-journal"} { // as they are on disk during a transaction
		content, err := os.ReadFile(path + suffix)
		must(t, err)
		must(t, errors.Join(os.WriteFile(killed+suffix, content, 0o666), os.WriteFile(killed+"2"+suffix, content, 0o666)))
	}
	_, err := shard.sql.Exec("ROLLBACK")
	must(t, err)
	results := open(t, filepath.Join(dir, "results.db"))
	must(t, second(results.Merge(killed)))
	checkSteps(t, results, "r", 49)
	reader, err := OpenReadOnly(killed + "2")
	must(t, err)
	checkSteps(t, reader, "r", 49)
	must(t, reader.Close())
}
