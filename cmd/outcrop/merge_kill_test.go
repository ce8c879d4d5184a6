package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/outcrop-lab/outcrop/store"
)

// A merge of forty folders is killed again and again, each time at another moment. When it is then left to finish, it
// ends with the same results as one that was not killed, and a half-copied folder is not a run.
//
//nolint:funlen // one function, because each part works on the folders of the part before
func TestKilledMerge(t *testing.T) {
	const runs, steps = 40, 10
	from := t.TempDir()
	for run := range runs {
		id := fmt.Sprintf("%064d", run)
		dir := filepath.Join(from, "runs", id)
		if err := os.MkdirAll(filepath.Join(dir, "checkpoints", "step-00000010"), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "checkpoints", "step-00000010", "model.safetensors"), make([]byte,
			100_000), 0o666); err != nil {
			t.Fatal(err)
		}
		shard, err := store.Open(filepath.Join(dir, "run.db"))
		if err != nil {
			t.Fatal(err)
		}
		if err := shard.PutRun(store.Run{ID: id, Config: "{}", Steps: steps, Step: steps, Status: store.Done}); err != nil {
			t.Fatal(err)
		}
		for step := range steps {
			rows := make([]store.Row, 200)
			for i := range rows {
				rows[i] = store.Row{Site: "resid_post", Statistic: "top1", Layer: i, Head: -1, Idx: -1,
					Value: float64(run*1000 + step*100 + i)}
			}
			if err := shard.PutRows(id, step, rows); err != nil {
				t.Fatal(err)
			}
		}
		if err := shard.Close(); err != nil {
			t.Fatal(err)
		}
	}
	whole, results := t.TempDir(), t.TempDir()
	clock := time.Now()
	if code := start(t, "merge", from, "--results", whole).exit(t); code != exitDone {
		t.Fatalf("exit %d", code)
	}
	took := time.Since(clock)
	halfCopied := filepath.Join(results, "runs", ".copy-left", "run") // as a kill may leave it
	if err := os.MkdirAll(halfCopied, 0o777); err != nil {
		t.Fatal(err)
	}
	const kills = 10
	for kill := range kills {
		p := start(t, "merge", from, "--results", results)
		time.Sleep(took * time.Duration(kill+1) / (kills + 1))
		if err := p.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		p.exit(t)
	}
	for range 2 {
		if code, _, stderr := outcrop(t.Context(), "merge", from, "--results", results); code != exitDone {
			t.Fatalf("exit %d: %s", code, stderr)
		}
		sameStatistics(t, whole, results)
		// The checkpoints are no real ones, so only the database can be sound.
		_, out, stderr := outcrop(t.Context(), "db", "check", "--json", "--results", results)
		if !strings.Contains(out, `"sound":true`) {
			t.Errorf("%s %s", out, stderr)
		}
	}
	copied, err := filepath.Glob(filepath.Join(results, "runs", "0*", "checkpoints", "step-00000010", "model.safetensors"))
	if err != nil || len(copied) != runs {
		t.Errorf("%d checkpoints were copied, %v", len(copied), err)
	}
	left, err := filepath.Glob(filepath.Join(results, "runs", ".copy-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("half copied: %v, %v", left, err)
	}
}
