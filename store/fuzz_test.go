package store

import (
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// wholeShard makes a shard with rows in every table and returns its file and the write-ahead log beside it. All rows
// are in the file, or, if the writer is still at work, the second half of them is in the log.
func wholeShard(t testing.TB, working bool) (file, log []byte) {
	path := filepath.Join(t.TempDir(), "whole.db")
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
		put(db.PutRows(idOf("theirs"), step, rows), db.PutTiming(idOf("theirs"), step, "tokens_per_second", 100))
	}
	put(db.PutSweep(Sweep{Name: "s", Arms: []Arm{{"a", "{}", 0}}}, []Member{{"s", "a", 0, idOf("theirs"), 0}}),
		db.PutFits([]Fit{{Run: idOf("theirs"), Site: "resid_post", Statistic: "median", Family: "constant",
			Params: map[string]float64{"c": 1}, Best: true}}),
		db.PutSnapshots(idOf("theirs"),
			[]SnapshotFile{{Step: 3, Layer: 1, Site: "resid_post", File: "snapshots/a.safetensors", Tensor: "resid_post.1"}}),
		db.SetStatus(idOf("theirs"), "done", 20, ""))
	if working {
		file, log = read(path), read(path+"-wal")
	}
	put(db.Close())
	if !working {
		file = read(path)
	}
	if err != nil || len(file) == 0 || working && len(log) == 0 {
		t.Fatalf("%v, %d bytes and a log of %d", err, len(file), len(log))
	}
	return file, log
}

// damaged changes bytes: of each four bytes of damage, three are a place and one is what the byte there changes by.
// Places count only nonzero bytes, because pages are half empty. cut is the number of bytes to drop from the end.
func damaged(sound, damage []byte, cut uint32) []byte {
	var used []int
	for i, b := range sound {
		if b != 0 {
			used = append(used, i)
		}
	}
	b := slices.Clone(sound)
	for ; len(damage) >= 4; damage = damage[4:] {
		place := int(damage[0])<<16 | int(damage[1])<<8 | int(damage[2])
		b[used[place%len(used)]] ^= damage[3]
	}
	return b[:len(b)-int(cut)%(len(b)+1)]
}

// damageable is a shard, and results that already hold some of its rows.
type damageable struct {
	file, growing, log, results []byte
}

func newDamageable(t testing.TB) *damageable {
	t.Helper()
	d := &damageable{}
	d.file, _ = wholeShard(t, false)
	d.growing, d.log = wholeShard(t, true)
	path := filepath.Join(t.TempDir(), "results.db")
	db, err := Open(path)
	if err == nil { // one of the existing rows has another value
		err = errors.Join(db.PutRun(run("mine")), db.PutRun(run("theirs")), db.PutRows(idOf("mine"), 0,
			[]Row{row("median", 0, 1)}),
			db.PutRows(idOf("theirs"), 3, []Row{row("top1", 5, 15), row("top1", 6, -1)}), db.Close())
	}
	if err == nil {
		d.results, err = os.ReadFile(path)
	}
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// merge merges a damaged shard, or one with a damaged log, into the results. It adds everything, or nothing with an
// error that names the file. The results are sound afterwards, and a second merge adds nothing more.
func (d *damageable) merge(t *testing.T, working bool, cut uint32, damage []byte) (merged bool) {
	dir := t.TempDir()
	shard, path := filepath.Join(dir, "shard.db"), filepath.Join(dir, "results.db")
	content := d.growing
	if working {
		must(t, os.WriteFile(shard+"-wal", damaged(d.log, damage, cut), 0o666))
	} else {
		content = damaged(d.file, damage, cut)
	}
	must(t, os.WriteFile(shard, content, 0o666))
	must(t, os.WriteFile(path, d.results, 0o666))
	results := open(t, path)
	_, err := results.sql.Exec("PRAGMA synchronous = off") // nothing here outlives the process
	must(t, err)
	before := dump(t, results)
	if _, err := results.Merge(shard); err != nil {
		if !strings.Contains(err.Error(), shard) {
			t.Errorf("the error does not name the shard: %v", err)
		}
		if after := dump(t, results); after != before {
			t.Errorf("half a merge stayed after %v:\n%s", err, after)
		}
	} else {
		merged = true
		once := dump(t, results)
		if got, err := results.Merge(shard); err != nil || got != (MergeResult{}) || dump(t, results) != once {
			t.Errorf("a second merge added %+v, %v", got, err)
		}
	}
	faults, err := results.Faults()
	if err != nil || len(faults) > 0 {
		t.Errorf("the results are damaged: %q, %v", faults, err)
	}
	if t.Failed() {
		t.Logf("damage %v, %d cut, with a log: %v", damage, cut, working)
	}
	must(t, results.Close())
	return merged
}

func FuzzMerge(f *testing.F) {
	d := newDamageable(f)
	f.Add(false, uint32(0), []byte{})
	f.Add(true, uint32(0), []byte{})
	f.Add(false, uint32(5000), []byte{})
	f.Add(true, uint32(4097), []byte{})
	for _, at := range []int{0, 20, 30, 40, 100, 200, 1000, 5000, 8000} {
		place := []byte{byte(at >> 16), byte(at >> 8), byte(at), 1}
		f.Add(false, uint32(0), place)
		f.Add(true, uint32(0), place)
	}
	f.Fuzz(func(t *testing.T, working bool, cut uint32, damage []byte) { d.merge(t, working, cut, damage) })
}

// Sixty kinds of damage at seeded places: a bit flipped, a few bytes changed, the end cut off.
func TestDamagedShards(t *testing.T) {
	const n = 60
	d := newDamageable(t)
	random := rand.New(rand.NewPCG(16, 0))
	merged := 0
	for i := range n {
		damage, cut := make([]byte, 4*(1+i%3)), uint32(0)
		for j := range damage {
			damage[j] = byte(random.Uint32())
		}
		if i%3 == 0 {
			damage[3] = 1 << random.IntN(8)
		}
		if i%10 == 9 {
			cut = random.Uint32()
		}
		if d.merge(t, i%2 == 1, cut, damage) {
			merged++
		}
		if t.Failed() {
			return
		}
	}
	t.Logf("%d of %d damaged shards were merged, for what was damaged is not read, or cannot be told from another value",
		merged, n)
}

// Inspect, which looks at a database before it is merged, returns the ids of sound runs or an error that names the
// file, in bounded time, whatever happened to the file's bytes or to its schema's text.
func FuzzInspect(f *testing.F) {
	file, _ := wholeShard(f, false)
	dir := f.TempDir()
	f.Add(uint32(0), []byte{})
	f.Add(uint32(5000), []byte{})
	for at := range 110 { // the header of the file and of its first page
		f.Add(uint32(0), []byte{0, 0, byte(at), 0x81})
	}
	for at := 3000; at < 60_000; at += 1500 { // the schema lies at the end of the first page; then come tables and indexes
		f.Add(uint32(0), []byte{byte(at >> 16), byte(at >> 8), byte(at), 7, byte(at >> 16), byte(at >> 8), byte(at + 9), 1})
	}
	f.Fuzz(func(t *testing.T, cut uint32, damage []byte) {
		path := filepath.Join(dir, "foreign.db")
		must(t, os.WriteFile(path, damaged(file, damage[:min(len(damage), 400)], cut), 0o666))
		type found struct {
			runs []string
			err  error
		}
		ended := make(chan found, 1)
		go func() {
			runs, err := Inspect(path)
			ended <- found{runs, err}
		}()
		select {
		case got := <-ended:
			if got.err != nil && !strings.Contains(got.err.Error(), path) {
				t.Errorf("the error does not name the file: %v", got.err)
			}
			if slices.ContainsFunc(got.runs, func(id string) bool { return !IsID(id) }) {
				t.Errorf("runs %q", got.runs)
			}
		case <-time.After(20 * time.Second):
			t.Fatal("does not end")
		}
	})
}
