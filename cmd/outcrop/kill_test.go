package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/experiments/folder"
	"github.com/outcrop-lab/outcrop/store"
	"github.com/outcrop-lab/outcrop/trainer"
	"github.com/outcrop-lab/outcrop/variant"
)

// kills is a sweep whose runs take a second or two. They write a checkpoint every 20 steps and some 400 rows every
// 10, so that a kill can interrupt either.
const kills = `name: kills
base:
  arch: {layers: 2, width: 32, heads: 2, context: 16}
  optim: {lr: 1e-2}
  train: {steps: 240, batch: 8}
  probe:
    every: {name: steps, n: 10}
    statistics: [top1, ratio_mean, kurtosis, first_token_attention, channel_max]
    sites: [resid_post, mlp.down_in]
    snapshots: {steps: [100, 240]}
    sequences: 2
    heldout: 4
  checkpoint: {every: 20, keep: 2, keep_every: 60}
arms:
`

// choices lists the variants of a slot as written in a sweep file: each by its name, and once more for every other
// value of each parameter that is a word or a boolean.
func choices(slot string) (all []string) {
	config := trainer.Default()
	for _, v := range variant.List(&config) {
		if v.Slot != slot {
			continue
		}
		all = append(all, "name: "+v.Name)
		for _, p := range v.Params {
			values := p.Enum
			if _, ok := p.Default.(bool); ok {
				values = []string{"false", "true"}
			}
			for _, value := range values {
				if value != fmt.Sprint(p.Default) {
					all = append(all, fmt.Sprintf("name: %s, %s: %s", v.Name, p.Name, value))
				}
			}
		}
	}
	return all
}

// named returns the choices that give a name only.
func named(choices []string) []string {
	return slices.DeleteFunc(slices.Clone(choices), func(c string) bool { return strings.Contains(c, ",") })
}

// afterSteps lists the rules, with settings under which each acts within the run.
func afterSteps() (all []string) {
	for _, rule := range choices("optim.after_step") {
		if strings.HasPrefix(rule, "name: tvr") {
			rule += ", every: 7, threshold: 1"
		}
		all = append(all, rule)
	}
	return all
}

// groups lists two ways of grouping parameters by kind: none, and frozen embeddings with slower vectors.
var groups = []string{"", ", groups: {embedding: {lr_factor: 0, weight_decay_factor: 0}, " +
	"vector: {lr_factor: 0.5, weight_decay_factor: 1}}"}

func arm(name, optimizer, rule, group, schedule string) string {
	return fmt.Sprintf("  %s: {optim: {%s, after_step: {%s}%s}, schedule: {%s, warmup: 30}}\n", name, optimizer, rule,
		group, schedule)
}

// A run that is killed again and again ends with the files and rows, to the byte, of one that was not killed. The 20
// kills cover all optimizers and schedules; they fall at random moments and while a checkpoint is written, while rows
// are written and during a merge.
func TestTwentyKills(t *testing.T) {
	optimizers, schedules, rules := named(choices("optim")), named(choices("schedule")), afterSteps()
	text := kills
	for i := range max(len(optimizers), len(schedules)) {
		text += arm("a"+strconv.Itoa(i), optimizers[i%len(optimizers)], rules[i%len(rules)], groups[i/2%len(groups)],
			schedules[i%len(schedules)])
	}
	if err := compute.Can("", compute.BF16); err != nil {
		t.Logf("no run in bf16: %v", err)
	} else {
		text += "  bf16: {train: {precision: bf16}}\n"
	}
	killing(t, text, 4, 20)
}

// killing trains a sweep, and each of its runs once more in a folder that starts with nothing but the run's
// config.yaml. There it kills at least n workers of each run, and at least least of all runs. The folders must end up
// the same.
func killing(t *testing.T, text string, n, least int) {
	t.Helper()
	whole := t.TempDir()
	if code, _, stderr := outcrop(t.Context(), "run", sweepFile(t, text), "--results", whole); code != exitDone {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	runs, err := os.ReadDir(filepath.Join(whole, "runs"))
	if err != nil {
		t.Fatal(err)
	}
	var done, halves, torn atomic.Int64
	t.Run("runs", func(t *testing.T) {
		for i, run := range runs {
			t.Run(run.Name()[:12], func(t *testing.T) {
				t.Parallel()
				v := &victim{t: t, want: filepath.Join(whole, "runs", run.Name()), random: rand.New(rand.NewPCG(16, uint64(i)))}
				for v.kills < n {
					v.live(moments[(i+v.kills)%len(moments)])
				}
				for v.live(nil); v.alive; v.live(nil) {
				}
				done.Add(int64(v.kills))
				halves.Add(int64(v.halves))
				torn.Add(int64(v.torn))
			})
		}
	})
	t.Logf("%d kills of %d runs, %d of them with a half-written checkpoint, %d with a half-written transaction",
		done.Load(), len(runs), halves.Load(), torn.Load())
	if done.Load() < int64(least) {
		t.Errorf("%d kills, want %d", done.Load(), least)
	}
	if halves.Load() == 0 {
		t.Error("no kill interrupted the writing of a checkpoint")
	}
}

// victim is a run whose workers are killed.
type victim struct {
	t      *testing.T
	want   string // folder of the same run, not killed
	dir    string
	random *rand.Rand
	alive  bool
	// Kills that took effect, and how many of them left a half-written checkpoint or a half-written transaction.
	kills, halves, torn int
}

// moment says when to kill: at an event in the run's folder, after a number of its kind, or after a time.
type moment struct {
	name   string
	folder string // below the run's folder: where to watch for file events
	mask   uint32
	file   string // suffix of the file's name
	grows  string // a file to watch for growth
	most   int    // how many events to skip at most
	within time.Duration
	merge  bool // while the shard is being merged
	stop   bool // ask the worker to stop instead of killing it
}

var moments = []*moment{
	{name: "at any time", within: time.Second},
	{name: "at a checkpoint", folder: "checkpoints", mask: unix.IN_CREATE, file: ".partial", most: 4,
		within: 2 * time.Millisecond},
	{name: "stopped at any time", within: time.Second, stop: true},
	{name: "at a row", grows: "run.db-wal", most: 300, within: 1},
	{name: "at a checkpoint's end", folder: "checkpoints", mask: unix.IN_MOVED_TO, file: "0", most: 4,
		within: 2 * time.Millisecond},
	{name: "in a merge", merge: true, within: time.Second},
}

// live runs a worker in the run's folder until it ends, or until the moment m. A run that ends is compared with the one
// that was not killed, and starts again.
//
//nolint:funlen // one function, because the goroutines that kill and merge end with the worker
func (v *victim) live(m *moment) {
	v.t.Helper()
	if !v.alive {
		v.dir = filepath.Join(v.t.TempDir(), filepath.Base(v.want))
		if err := os.MkdirAll(filepath.Join(v.dir, "checkpoints"), 0o777); err != nil {
			v.t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(v.dir, "config.yaml"), read(v.t, filepath.Join(v.want, "config.yaml")),
			0o666); err != nil {
			v.t.Fatal(err)
		}
		v.alive = true
	}
	worker := exec.Command(os.Args[0], "worker", v.dir)
	var complaint bytes.Buffer
	worker.Stderr = &complaint
	life, err := worker.StdinPipe() // stays open as long as the worker is to live
	if err != nil {
		v.t.Fatal(err)
	}
	defer func() { _ = life.Close() }()
	watch := func(<-chan struct{}) {}
	switch {
	case m == nil:
	case m.folder != "":
		watch = v.watch(filepath.Join(v.dir, m.folder), m.mask, m.file, v.random.IntN(m.most))
	case m.grows != "":
		watch = growth(filepath.Join(v.dir, m.grows), v.random.IntN(m.most))
	}
	ended, killing, merging := make(chan struct{}), make(chan struct{}), make(chan struct{})
	if err := worker.Start(); err != nil {
		v.t.Fatal(err)
	}
	go func() {
		defer close(killing)
		if m == nil {
			return
		}
		wait := time.Duration(v.random.Int64N(int64(m.within)))
		watch(ended)
		if wait > 0 {
			select {
			case <-ended:
			case <-time.After(wait):
			}
		}
		if m.stop {
			_ = life.Close()
			return
		}
		_ = worker.Process.Kill()
	}()
	go func() {
		defer close(merging)
		v.merge(ended, m != nil && m.merge)
	}()
	err = worker.Wait()
	close(ended)
	<-killing
	<-merging
	switch status, _ := worker.ProcessState.Sys().(syscall.WaitStatus); {
	case err == nil && v.stopped():
		v.kills++
	case err == nil:
		v.compare()
		v.alive = false
	case status.Signaled() && status.Signal() == syscall.SIGKILL && m != nil:
		v.kills++
		if left, _ := filepath.Glob(filepath.Join(v.dir, "checkpoints", "*.partial")); len(left) > 0 {
			v.halves++
		}
		if half(v.t, filepath.Join(v.dir, "run.db-wal")) {
			v.torn++
		}
	default:
		v.t.Fatalf("the worker ended by itself: %v: %s", err, complaint.String())
	}
}

// stopped reports whether the worker ended before its run did.
func (v *victim) stopped() bool {
	v.t.Helper()
	live, err := folder.ReadLive(v.dir)
	if err != nil {
		v.t.Fatal(err)
	}
	return live.Last.Status == store.Stopped
}

// merge merges the growing shard into a database beside it: every few ms, or once if the kill does not aim at a merge.
func (v *victim) merge(ended <-chan struct{}, often bool) {
	shard := filepath.Join(v.dir, "run.db")
	for {
		select {
		case <-ended:
			return
		case <-time.After(5 * time.Millisecond):
		}
		if _, err := os.Stat(shard); err != nil {
			continue
		}
		db, err := store.Open(filepath.Join(v.dir, "merged.db"))
		if err == nil {
			_, err = db.Merge(shard)
			if closing := db.Close(); err == nil {
				err = closing
			}
		}
		if err != nil {
			v.t.Errorf("merging while it is written: %v", err)
		}
		if !often {
			return
		}
	}
}

// compare compares the run that ended with the one that was not killed.
func (v *victim) compare() {
	v.t.Helper()
	for _, folder := range []string{"checkpoints", "snapshots"} {
		got, want := tree(v.t, filepath.Join(v.dir, folder)), tree(v.t, filepath.Join(v.want, folder))
		if len(want) == 0 || len(got) != len(want) {
			v.t.Errorf("after %d kills %d files in %s, want %d", v.kills, len(got), folder, len(want))
		}
		for name, content := range want {
			if !bytes.Equal(got[name], content) {
				v.t.Errorf("after %d kills %s/%s differs", v.kills, folder, name)
			}
		}
	}
	final := filepath.Join(v.dir, "checkpoints", "step-00000240")
	for _, name := range []string{"model.safetensors", "optimizer.safetensors"} {
		read(v.t, filepath.Join(final, name))
	}
	want := measured(v.t, filepath.Join(v.want, "run.db"), false)
	shard := filepath.Join(v.dir, "run.db")
	sameText(v.t, measured(v.t, shard, true), want)
	db, err := store.Open(filepath.Join(v.dir, "merged.db"))
	if err != nil {
		v.t.Fatal(err)
	}
	for range 2 {
		if _, err := db.Merge(shard); err != nil {
			v.t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		v.t.Fatal(err)
	}
	sameText(v.t, measured(v.t, db.Path(), true), want)
}

// tree returns the contents of all files below a folder, by path.
func tree(t *testing.T, root string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(root, path)
		files[name] = read(t, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// measured returns a line for every row of a database, with the bits of its value, and one for how each run ended. If
// sound is set, it also checks the database for damage and conflicts.
func measured(t *testing.T, path string, sound bool) (lines []string) {
	t.Helper()
	db, err := store.OpenReadOnly(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	runs, err := db.Runs()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range runs {
		lines = append(lines, fmt.Sprint(r.ID, r.Status, r.Step, r.Params, r.Error))
	}
	series, err := db.Series(store.Select{})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range series {
		for i, step := range s.Steps {
			lines = append(lines, fmt.Sprintf("%s %s %s %d %d %d at %d: %x", s.Run, s.Site, s.Statistic, s.Layer, s.Head,
				s.Idx, step, math.Float64bits(s.Values[i])))
		}
	}
	if !sound {
		return lines
	}
	if err := db.Check(); err != nil {
		t.Error(err)
	}
	if conflicts, err := db.Conflicts(); err != nil || len(conflicts) > 0 {
		t.Errorf("%d conflicts, %v", len(conflicts), err)
	}
	return lines
}

func sameText(t *testing.T, got, want []string) {
	t.Helper()
	if len(got) != len(want) || len(want) < 1000 {
		t.Errorf("%d rows, want %d, at least a thousand", len(got), len(want))
		return
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("row %d is %s, want %s", i, got[i], want[i])
		}
	}
}
