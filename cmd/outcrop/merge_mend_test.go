package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What is damaged in a stored run's folder is named by `db check` and mended by merging a folder in which it is sound.
// Where it is damaged in both, the merge names it and leaves it.
func TestMergeMends(t *testing.T) {
	text := strings.Replace(seeded("{a: {}}", "1"), "heldout: 16",
		"heldout: 16, snapshots: {steps: [10], site: resid_post, sequences: 2}", 1)
	there, here := trained(t, text), t.TempDir()
	if all, _ := merged(t, here, there); all[0].Copied != 1 || all[0].Mended != 0 {
		t.Fatalf("%+v", all)
	}
	run := one(t, filepath.Join(here, "runs", "[0-9a-f]*"))
	flip := func(b []byte) []byte { b = bytes.Clone(b); b[len(b)-9] ^= 4; return b }
	empty := func([]byte) []byte { return nil }
	cut := func(b []byte) []byte { return b[:len(b)/2] }
	for _, pattern := range []string{"checkpoints/step-00000020/model.safetensors",
		"checkpoints/step-00000020/optimizer.safetensors", "checkpoints/step-00000020/state.json",
		"snapshots/step-00000010.resid_post.safetensors", "snapshots/index.json"} {
		path := filepath.Join(run, pattern)
		sound := read(t, path)
		for name, damage := range map[string]func([]byte) []byte{"emptied": empty, "a bit flipped": flip, "cut": cut} {
			if name == "a bit flipped" && strings.HasSuffix(pattern, "index.json") {
				continue // the index has no sum of its own
			}
			if err := os.WriteFile(path, damage(sound), 0o666); err != nil {
				t.Fatal(err)
			}
			place := filepath.Join(run, filepath.Dir(pattern))
			if code, out, _ := outcrop(t.Context(), "db", "check", "--results", here); code != exitFailed ||
				!strings.Contains(out, place) {
				t.Errorf("%s %s: check exits with %d: %s", pattern, name, code, out)
			}
			all, stderr := merged(t, here, there)
			if all[0].Mended != 1 || all[0].Damaged != nil || all[0].Copied != 0 || !bytes.Equal(read(t, path), sound) {
				t.Errorf("%s %s: %+v %s", pattern, name, all, stderr)
			}
			if code, out, stderr := outcrop(t.Context(), "db", "check", "--results", here); code != exitDone {
				t.Errorf("%s %s: mended, but check exits with %d: %s %s", pattern, name, code, out, stderr)
			}
		}
	}
	for _, dir := range []string{here, there} {
		path := filepath.Join(one(t, filepath.Join(dir, "runs", "[0-9a-f]*")), "checkpoints", "step-00000020",
			"model.safetensors")
		if err := os.WriteFile(path, flip(read(t, path)), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if all, stderr := merged(t, here, there); all[0].Mended != 0 || len(all[0].Damaged) != 1 ||
		!strings.Contains(stderr, "step-00000020 is damaged") {
		t.Errorf("damaged in both: %+v %s", all, stderr)
	}
}

// one returns the one path that a pattern matches.
func one(t *testing.T, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	return found[0]
}
