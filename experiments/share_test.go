package experiments

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/experiments/plan"
	"github.com/outcrop-lab/outcrop/store"
)

// The forecast of a worker's memory is at least the peak resident memory of a real one, and not so much more that a
// machine would stand idle.
func TestMemoryOfWorkers(t *testing.T) {
	large := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(large, bytes.Repeat([]byte("any text "), 1<<23/9*8), 0o666); err != nil { // 64 MiB
		t.Fatal(err)
	}
	small := `arch: {layers: 2, width: 16, heads: 2, context: 16}`
	for _, c := range []struct{ name, config string }{
		{"tiny", small},
		{"a large text", small + "\n  data: {name: text, path: " + large + "}"},
		{"many characters", small + "\n  data: {name: backcopy, vocab: 1024}"},
		{"wide", `arch: {layers: 2, width: 256, heads: 4, context: 64}`},
		{"deep", `arch: {layers: 8, width: 64, heads: 4, context: 64, norm_placement: sandwich, qk_norm: true, gate: g1}`},
		{"long", `arch: {layers: 2, width: 64, heads: 8, context: 256, mlp: swiglu}`},
		{"size b", `arch: {layers: 4, width: 128, heads: 4, context: 128}`},
		{"all that keeps", `arch: {layers: 6, width: 96, heads: 4, context: 64, mlp: swiglu, gate: g1, norm: layernorm, ` +
			`norm_placement: sandwich, qk_norm: true, registers: 4}`},
	} {
		src := fmt.Sprintf("name: tiny\nbase:\n  %s\n  train: {steps: 2, batch: 32}\n  probe: {heldout: 64}\n", c.config)
		p := planOf(t, src)[0]
		dir := t.TempDir()
		if err := p.Assign(dir, 1); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), workerDir+"="+dir)
		said := new(strings.Builder)
		cmd.Stderr = said
		stdin, err := cmd.StdinPipe() // open until the worker has ended
		if err != nil {
			t.Fatal(err)
		}
		if out, err := cmd.Output(); err != nil {
			t.Fatalf("%s: %v: %s%s", c.name, err, out, said)
		}
		_ = stdin.Close()
		_, text, _ := strings.Cut(said.String(), "VmHWM:")
		had, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(text), " kB"), 10, 64)
		if err != nil {
			t.Fatalf("%s: the worker said %q", c.name, said)
		}
		had <<= 10
		took := int64(plan.Memory(p))
		t.Logf("%s: a worker had %d MiB, forecast %d MiB", c.name, had>>20, took>>20)
		if took < had || took > 3*had {
			t.Errorf("%s: a worker had %d MiB, forecast %d MiB", c.name, had>>20, took>>20)
		}
		if err := (plan.Room{Bytes: float64(had), Name: "it took"}).Fit([]plan.Planned{p}); err != nil {
			t.Errorf("%s: a run that a machine can hold is refused: %v", c.name, err)
		}
	}
}

// A job starts beside the running ones only if there are cores and memory for it, unless --jobs says otherwise.
func TestShare(t *testing.T) {
	p := planOf(t, fmt.Sprintf(tiny, 20, 5, 1))[0]
	p.Config.Train.Slices = 4
	each := plan.Memory(p)
	at := func(threads ...int) map[string]*running {
		active := map[string]*running{}
		for i, n := range threads {
			active[fmt.Sprint(i)] = &running{threads: n, memory: each}
		}
		return active
	}
	for _, c := range []struct {
		name          string
		jobs, threads int
		cores         int
		memory        float64
		active        map[string]*running
		pending       int
		want          int // threads; 0 for not now
	}{
		{"runs enough", 0, 0, 4, 9 * each, at(), 8, 1},
		{"the cores are taken", 0, 0, 4, 9 * each, at(1, 1, 1, 1), 4, 0},
		{"the tail", 0, 0, 4, 9 * each, at(1, 1), 1, 2},
		{"one run", 0, 0, 4, 9 * each, at(), 1, 4},
		{"one run of few slices", 0, 0, 16, 9 * each, at(), 1, 4},
		{"two runs", 0, 0, 4, 9 * each, at(), 2, 2},
		{"the second of two", 0, 0, 4, 9 * each, at(2), 1, 2},
		{"three runs, two cores: the odd one first", 0, 0, 2, 9 * each, at(), 3, 2},
		{"three runs, two cores: nothing beside it", 0, 0, 2, 9 * each, at(2), 2, 0},
		{"three runs, two cores: then two at once", 0, 0, 2, 9 * each, at(), 2, 1},
		{"the second of them", 0, 0, 2, 9 * each, at(1), 1, 1},
		{"six runs, four cores", 0, 0, 4, 9 * each, at(), 6, 2},
		{"one core", 0, 0, 1, 9 * each, at(), 3, 1},
		{"jobs said, an odd run", 2, 0, 2, 9 * each, at(), 3, 1},
		{"no memory beside another", 0, 0, 4, each, at(1), 4, 0},
		{"no memory, alone", 0, 0, 4, 1, at(), 4, 1},
		{"threads said", 0, 3, 4, 9 * each, at(), 8, 3},
		{"threads said that no longer fit", 0, 3, 4, 9 * each, at(3), 8, 0},
		{"jobs said", 3, 0, 4, 1, at(1, 1), 8, 2},
		{"jobs said, all at work", 2, 0, 4, 9 * each, at(1, 1), 8, 0},
		{"jobs said beyond the cores", 9, 1, 2, 1, at(1, 1, 1), 8, 1},
	} {
		co := &coordinator{Options: Options{Jobs: c.jobs, Threads: c.threads}, machine: shared{c.cores, c.memory},
			active: c.active}
		threads, memory, ok := co.share(job{Planned: p}, c.pending)
		if !ok {
			threads = 0
		}
		if threads != c.want || memory != each && threads > 0 {
			t.Errorf("%s: %d threads, want %d", c.name, threads, c.want)
		}
	}
}

// The forecast of a run's rows is within a tenth of what the run records.
func TestRowsForetold(t *testing.T) {
	l := newLab(t)
	src := fmt.Sprintf(tiny, 8, 2, 1)
	if _, err := l.execute(t.Context(), src, nil); err != nil {
		t.Fatal(err)
	}
	db, err := store.OpenReadOnly(filepath.Join(l.results, "outcrop.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for _, p := range planOf(t, src) {
		all, err := db.Series(store.Select{Run: p.ID})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, s := range all {
			n += len(s.Steps)
		}
		if got := p.Rows(); math.Abs(got/float64(n)-1) > .1 {
			t.Errorf("%s: %v rows forecast, %d recorded", p.Arm, got, n)
		}
	}
}
