package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/outcrop-lab/outcrop/configs"
	"github.com/outcrop-lab/outcrop/data"
	"github.com/outcrop-lab/outcrop/store"
)

// Completion knows every word for an argument in a verb's usage.
func TestEveryArgumentIsCompleted(t *testing.T) {
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		for _, word := range argumentWords(c.Use) {
			if _, known := argumentCandidates[word]; !known {
				t.Errorf("%q: completion has no candidates for %s: add it to argumentCandidates", c.Use, word)
			}
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	for _, command := range commands {
		walk(command(&preferences{}))
	}
}

// The shell is offered the names of sweeps, files, runs and figures, the variants of slots, and the values of flags.
func TestCompletion(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"mine.yaml", "outcrop.yaml"} {
		if err := os.WriteFile(name, []byte("jobs: 1\n"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir("results", 0o777); err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(filepath.Join("results", "outcrop.db"))
	if err != nil {
		t.Fatal(err)
	}
	id := strings.Repeat("ab", 32)
	for _, err := range []error{db.PutRun(store.Run{ID: id, Config: "{}"}),
		db.PutSweep(store.Sweep{Name: "tiny", Arms: []store.Arm{{Name: "a"}}}, []store.Member{{Arm: "a", Run: id}}),
		db.Close()} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		words string
		want  []string
	}{
		{"sta|", []string{"status"}},
		{"status |", []string{"tiny"}},
		{"status tiny |", nil},
		{"run |", append(configs.Sweeps(), "mine.yaml")},
		{"show |", []string{id[:12], "tiny/a/0"}},
		{"show tiny/|", []string{"tiny/a/0"}},
		{"show --results elsewhere |", nil},
		{"rm tiny |", []string{id[:12], "tiny/a/0"}},
		{"plot emergence l|", []string{"landscape", "loss"}},
		{"variants arch.norm|", []string{"arch.norm", "arch.norm_placement"}},
		{"variants arch.norm s|", []string{"ssnorm"}},
		{"variants extends gpt|", []string{"gpt2-124m"}},
		{"plot --sweep |", []string{"tiny"}},
		{"export --format |", []string{"csv", "jsonl", "parquet", "tensorboard"}},
		{"run --log-format |", []string{"json", "text"}},
		{"run --set optim.l|", []string{"optim.lr="}},
		{"run --set schedule=tr|", []string{"schedule=trapezoidal"}},
		{"status --wa|", []string{"--watch"}},
		{"query |", nil},
		{"tokenizer show |", data.Tokenizers()},
	} {
		words := strings.Split(strings.TrimSuffix(c.words, "|"), " ")
		code, out, stderr := outcrop(t.Context(), append([]string{"__complete"}, words...)...)
		var got []string
		for line := range strings.Lines(out) {
			if word, _, _ := strings.Cut(strings.TrimSpace(line), "\t"); word != "" && !strings.HasPrefix(word, ":") {
				got = append(got, word)
			}
		}
		if code != exitDone || !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(c.want))) {
			t.Errorf("%s: exit %d, %v, want %v (%s)", c.words, code, got, c.want, stderr)
		}
	}
}
