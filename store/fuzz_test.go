package store

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// wholeShard makes a shard with something in every table and returns its file and the write-ahead log beside it: all is
// in the file, or, where the writer is still at work, its last half in the log.
func wholeShard(f *testing.F, working bool) (file, log []byte) {
	path := filepath.Join(f.TempDir(), "whole.db")
	db, err := Open(path)
	put := func(more ...error) { err = errors.Join(append(more, err)...) }
	read := func(path string) []byte {
		content, reading := os.ReadFile(path)
		if reading != nil && !errors.Is(reading, os.ErrNotExist) {
			put(reading)
		}
		return content
	}
	put(db.PutRun(run("theirs")))
	for step := range 20 {
		if working && step == 10 {
			_, folding := db.sql.Exec("PRAGMA wal_checkpoint(TRUNCATE)")
			put(folding)
		}
		rows := []Row{row("kurtosis", 0, math.NaN())}
		for layer := range 20 {
			rows = append(rows, row("top1", layer, float64(step*layer)), row("median", layer, 1))
		}
		put(db.PutRows("theirs", step, rows), db.PutTiming("theirs", step, "tokens_per_second", 100))
	}
	put(db.PutSweep(Sweep{Name: "s", Arms: []Arm{{"a", "{}", 0}}}, []Member{{"s", "a", 0, "theirs", 0}}),
		db.PutFits([]Fit{{Run: "theirs", Site: "resid_post", Statistic: "median", Family: "constant", Params: map[string]float64{"c": 1}, Best: true}}),
		db.PutSnapshots("theirs", []SnapshotFile{{Step: 3, Layer: 1, Site: "resid_post", File: "snapshots/a.safetensors", Tensor: "resid_post.1"}}),
		db.SetStatus("theirs", "done", 20, ""))
	if working {
		file, log = read(path), read(path+"-wal")
	}
	put(db.Close())
	if !working {
		file = read(path)
	}
	if err != nil || len(file) == 0 || working && len(log) == 0 {
		f.Fatalf("%v, %d bytes and a log of %d", err, len(file), len(log))
	}
	return file, log
}

// damaged changes bytes: each four of damage are a place, in three, and what its byte is changed by; cut drops that much
// of the end.
func damaged(sound, damage []byte, cut uint32) []byte {
	b := slices.Clone(sound)
	for ; len(damage) >= 4 && len(b) > 0; damage = damage[4:] {
		at := (int(damage[0])<<16 | int(damage[1])<<8 | int(damage[2])) % len(b)
		b[at] ^= damage[3]
	}
	return b[:len(b)-int(cut)%(len(b)+1)]
}

// Whatever a shard and its log have suffered, a merge brings all that it says or nothing, with an error that names the
// file; the results are sound afterwards, and a second merge brings nothing more.
func FuzzMerge(f *testing.F) {
	file, _ := wholeShard(f, false)
	growing, log := wholeShard(f, true)
	dir := f.TempDir()
	template := filepath.Join(dir, "template.db")
	db, err := Open(template)
	if err == nil { // some of the shard's rows are there, one with another value
		err = errors.Join(db.PutRun(run("mine")), db.PutRun(run("theirs")), db.PutRows("mine", 0, []Row{row("median", 0, 1)}),
			db.PutRows("theirs", 3, []Row{row("top1", 5, 15), row("top1", 6, -1)}), db.Close())
	}
	if err != nil {
		f.Fatal(err)
	}
	empty, err := os.ReadFile(template)
	if err != nil {
		f.Fatal(err)
	}
	place := func(at int, by byte) []byte { return []byte{byte(at >> 16), byte(at >> 8), byte(at), by} }
	f.Add(false, uint32(0), []byte{})
	f.Add(true, uint32(0), []byte{})
	f.Add(false, uint32(5000), []byte{})
	f.Add(true, uint32(4097), []byte{})
	for _, at := range []int{16, 28, 60, 100, 103, 105, 4096, 8195, 20000} {
		f.Add(false, uint32(0), place(at, 1))
		f.Add(true, uint32(0), place(at, 0x80))
	}
	f.Fuzz(func(t *testing.T, working bool, cut uint32, damage []byte) {
		dir := t.TempDir()
		shard, path := filepath.Join(dir, "shard.db"), filepath.Join(dir, "results.db")
		content := damaged(file, damage, cut)
		if working {
			content = growing
			must(t, os.WriteFile(shard+"-wal", damaged(log, damage, cut), 0o666))
		}
		must(t, os.WriteFile(shard, content, 0o666))
		must(t, os.WriteFile(path, empty, 0o666))
		results := open(t, path)
		before := dump(t, results)
		if _, err := results.Merge(shard); err != nil {
			if !strings.Contains(err.Error(), shard) {
				t.Errorf("the error does not name the shard: %v", err)
			}
			if after := dump(t, results); after != before {
				t.Errorf("half a merge stayed after %v:\n%s", err, after)
			}
		} else {
			once := dump(t, results)
			if got, err := results.Merge(shard); err != nil || got != (MergeResult{}) || dump(t, results) != once {
				t.Errorf("a second merge brought %+v, %v", got, err)
			}
		}
		faults, err := results.Faults()
		if err != nil || len(faults) > 0 {
			t.Errorf("the results are damaged: %q, %v", faults, err)
		}
		if t.Failed() {
			t.Logf("%d bytes of damage, %d cut, with a log: %v", len(damage)/4, cut, working)
		}
	})
}
