package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/experiments/todo"

	"github.com/outcrop-lab/outcrop/safetensors"
)

// Absorbing a run with embed_proj writes a model without the two projections, whose logits the verb has compared.
// Without embed_proj, without a place to write to, or with a wrong model, no file is written.
//
//nolint:funlen // one function, because training once serves all checks
func TestAbsorb(t *testing.T) {
	text := strings.ReplaceAll(tiny, "STEPS", "20")
	text = strings.Replace(text, "width: 16", "embed_proj: true, width: 16", 1)
	text = strings.Replace(text, "b: {arch: {norm: ssnorm}}",
		"tied: {arch: {tied: true}}, plain: {arch: {embed_proj: false}}", 1)
	file, results := sweepFile(t, text), t.TempDir()
	if code, _, stderr := outcrop(t.Context(), "run", file, "--results", results); code != exitDone {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	var document todo.Document
	var plan []todo.Row
	code, stdout, stderr := outcrop(t.Context(), "plan", file, "--results", results, "--json")
	err := json.Unmarshal([]byte(stdout), &document)
	if plan = document.Runs; code != exitDone || err != nil || len(plan) != 3 {
		t.Fatalf("exit %d: %s %v", code, stderr, err)
	}
	out := filepath.Join(t.TempDir(), "model.safetensors")
	const d, vocab = 16, 65
	for i, want := range []int{plan[0].Params - 2*d*d, plan[1].Params - 2*d*d + vocab*d} {
		code, stdout, stderr = outcrop(t.Context(), "absorb", plan[i].Run[:10], "--out", out, "--results", results, "--json")
		var done struct {
			Run               string
			Step, Params      int
			Difference, Bound float64
		}
		if err := json.Unmarshal([]byte(stdout), &done); code != exitDone || err != nil {
			t.Fatalf("exit %d: %s %v", code, stderr, err)
		}
		if done.Run != plan[i].Run || done.Step != 20 || done.Params != want || !(done.Difference > 0 &&
			done.Difference <= done.Bound) {
			t.Errorf("%+v, want %d parameters at step 20 and a difference below the bound", done, want)
		}
		tensors, _, err := safetensors.Read(out)
		if err != nil {
			t.Fatal(err)
		}
		size, heads := 0, 0
		for _, x := range tensors {
			size += len(x.Data)
			if x.Name == "head" {
				heads++
			}
			if strings.HasPrefix(x.Name, "embed_proj") {
				t.Errorf("%s is still there", x.Name)
			}
		}
		if size != want || heads != 1 {
			t.Errorf("the file has %d parameters, %d heads, want %d and 1", size, heads, want)
		}
		if err := os.Remove(out); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		want string
		code int
		args []string
	}{
		{"arch.embed_proj: is false", exitInput, []string{plan[2].Run, "--out", out}},
		{"none of the 3 runs", exitInput, []string{"zzz", "--out", out}},
		{"--out: wants the file", exitInput, []string{plan[0].Run}},
		{"is not a folder", exitInput, []string{plan[0].Run, "--out", filepath.Join(out, "in", "none")}},
	} {
		if code, _, stderr := outcrop(t.Context(), append([]string{"absorb", "--results", results},
			c.args...)...); code != c.code || !strings.Contains(stderr, c.want) {
			t.Errorf("%v: exit %d, %s, want %d and %s", c.args, code, stderr, c.code, c.want)
		}
	}
	// An unsound checkpoint is skipped; it was the only one of this run.
	checkpoint := filepath.Join(results, "runs", plan[0].Run, "checkpoints", "step-00000020", "model.safetensors")
	if err := os.Truncate(checkpoint, 100); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := outcrop(t.Context(), "absorb", plan[0].Run, "--out", out, "--results",
		results); code != exitFailed || !strings.Contains(stderr, "no sound checkpoint") {
		t.Errorf("exit %d, %s", code, stderr)
	}
	if left, err := os.ReadDir(filepath.Dir(out)); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
