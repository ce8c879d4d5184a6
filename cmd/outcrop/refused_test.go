package main

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/outcrop-lab/outcrop/experiments/folder"
)

// A sweep is killed after its first checkpoints. Then one of its two runs loses its rows, as a power cut or a failing
// disk may take them. That run begins again, the other goes on, and the sweep ends with the rows of one that was not
// killed.
//
//nolint:funlen // one function, because all cases start from one killed sweep
func TestDamagedShardsBeginAgain(t *testing.T) {
	text := strings.Replace(strings.ReplaceAll(tiny, "STEPS", "600"), "  probe:",
		"  checkpoint: {every: 50, keep: 2}\n  probe:", 1)
	file := sweepFile(t, text)
	whole, killed := t.TempDir(), t.TempDir()
	if code, _, stderr := outcrop(t.Context(), "run", file, "--results", whole, "--jobs", "2"); code != exitDone {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	p := start(t, "run", file, "--results", killed, "--jobs", "2")
	deadline := time.Now().Add(time.Minute)
	for {
		if kept, _ := filepath.Glob(filepath.Join(killed, "runs", "*", "checkpoints", "step-00000100")); len(kept) == 2 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("no checkpoints")
		}
		time.Sleep(2 * time.Millisecond)
	}
	workers := children(t, p.Process.Pid)
	_ = p.Process.Kill()
	for _, worker := range workers {
		_ = syscall.Kill(worker, syscall.SIGKILL)
	}
	p.exit(t)
	time.Sleep(100 * time.Millisecond) // until the workers are gone
	random := rand.New(rand.NewPCG(16, 2))
	for _, c := range []struct {
		name   string
		aside  bool
		damage func(shard string) error
	}{
		{"a log that was never written", false, func(shard string) error { return os.Truncate(shard+"-wal", 0) }},
		{"random bytes", true, func(shard string) error {
			_ = os.Remove(shard + "-wal")
			junk := make([]byte, 20_000)
			for i := range junk {
				junk[i] = byte(random.Uint32())
			}
			return os.WriteFile(shard, junk, 0o666)
		}},
		{"a flipped bit in the log's first frames", false, func(shard string) error {
			log, err := os.ReadFile(shard + "-wal")
			if err == nil {
				log[5000] ^= 4
				err = os.WriteFile(shard+"-wal", log, 0o666)
			}
			return err
		}},
		{"a folder", true, func(shard string) error {
			_ = os.Remove(shard + "-wal")
			_ = os.Remove(shard)
			return os.Mkdir(shard, 0o777)
		}},
		{"a named pipe", true, func(shard string) error {
			_ = os.Remove(shard)
			return syscall.Mkfifo(shard, 0o666)
		}},
		{"a log that is a named pipe", true, func(shard string) error {
			_ = os.Remove(shard + "-wal")
			return syscall.Mkfifo(shard+"-wal", 0o666)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			results := filepath.Join(t.TempDir(), "results")
			if err := os.CopyFS(results, os.DirFS(killed)); err != nil {
				t.Fatal(err)
			}
			runs, err := filepath.Glob(filepath.Join(results, "runs", "*"))
			if err != nil || len(runs) != 2 {
				t.Fatal(runs, err)
			}
			shard := filepath.Join(runs[0], folder.Shard)
			_ = os.Remove(shard + "-shm")
			if err := c.damage(shard); err != nil {
				t.Fatal(err)
			}
			code, out, stderr := outcrop(t.Context(), "plan", file, "--results", results)
			if code != exitDone || !strings.Contains(out, "goes on from step") ||
				strings.Contains(out, "its run.db is damaged") != c.aside ||
				strings.Contains(out, "its run.db holds no rows") == c.aside {
				t.Errorf("plan: exit %d, %s %s", code, out, stderr)
			}
			code, _, stderr = outcrop(t.Context(), "run", file, "--results", results, "--jobs", "2")
			if code != exitDone || strings.Contains(stderr, "refused the rows measured so far") != c.aside {
				t.Fatalf("run: exit %d, %s", code, stderr)
			}
			sameStatistics(t, whole, results)
			if _, err := os.Lstat(shard + ".refused"); (err == nil) != c.aside {
				t.Errorf("set aside: %v, want %v", err, c.aside)
			}
			if got := read(t, filepath.Join(runs[0], "log.jsonl")); bytes.Contains(got, []byte("refused the rows")) != c.aside {
				t.Errorf("the log says\n%s", got)
			}
			if left, _ := filepath.Glob(filepath.Join(results, "runs", "*", "run.db-*")); len(left) > 0 {
				t.Errorf("rows outside of the shard: %v", left)
			}
			if left, _ := filepath.Glob(filepath.Join(results, "outcrop.db-*")); len(left) > 0 {
				t.Errorf("rows outside of the database: %v", left)
			}
		})
	}
}
