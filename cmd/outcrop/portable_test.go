package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What a sweep leaves behind says nowhere in which folder it was made, so that it can be given away and compares with
// what others made. Only a run's config.yaml and overrides.yaml say where its files lie: on this machine, whoever
// pastes the overrides into a sweep elsewhere in it finds them.
func TestDocumentsNameNoFolder(t *testing.T) {
	const needle = "a-folder-of-my-own"
	dir := filepath.Join(t.TempDir(), needle)
	for name, content := range map[string]string{
		"texts/book.txt":     strings.Repeat("the light of the sun is a light. ", 300),
		"recipes/small.yaml": "arch: {width: 16, heads: 2, context: 16}\ndata: {name: text, path: ../texts/book.txt}\n",
		"mine.yaml": "name: mine\nextends: recipes/small.yaml\nbase: {train: {steps: 20, batch: 8}, probe: {heldout: 16, " +
			"snapshots: {steps: [0, 20]}}, checkpoint: {every: 10}}\narms: {a: {}, b: {arch: {norm: ssnorm}}}\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	results := "results"
	said := func(args ...string) {
		t.Helper()
		code, stdout, stderr := outcrop(t.Context(), append(args, "--results", results)...)
		if code != exitDone {
			t.Fatalf("%q: exit %d: %s", args, code, stderr)
		}
		if text := stdout + stderr; strings.Contains(text, needle) {
			_, after, _ := strings.Cut(text, needle)
			t.Errorf("%q names the folder before %.80s", args, after)
		}
	}
	for _, args := range [][]string{{"plan", "mine.yaml", "--json"}, {"run", "mine.yaml", "--json"},
		{"plan", "mine.yaml"}, {"status", "--json"}, {"show", "mine/a/0", "--json"},
		{"show", "mine/a/0"}, {"logs", "mine/a/0"}, {"compare", "mine", "--json"}, {"fit", "--json"},
		{"derive", "mine", "--json"}, {"query", "SELECT * FROM sweeps, shards, events", "--json"},
		{"plot", "--out", "drawn"}, {"report", "--out", "written"}, {"probe", "mine/a/0", "--json"},
		{"export", "--format", "csv", "--out", "csv"}, {"export", "--format", "jsonl", "--out", "jsonl"},
		{"export", "--format", "parquet", "--out", "parquet"}, {"export", "--format", "tensorboard", "--out", "events"},
		{"db", "check", "--json"}, {"resume", "mine"}} {
		said(args...)
	}
	results = "merged"
	said("merge", "results", "--json")
	found := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if name := filepath.Base(path); name == "config.yaml" || name == "overrides.yaml" {
			found += bytes.Count(content, []byte(needle))
		} else if i := bytes.Index(content, []byte(needle)); i >= 0 {
			t.Errorf("%s holds …%q", path, content[max(0, i-80):min(len(content), i+80)])
		}
		return nil
	})
	if err != nil || found == 0 {
		t.Errorf("%v; the runs' config.yaml name the folder %d times, want their data's place", err, found)
	}
}
