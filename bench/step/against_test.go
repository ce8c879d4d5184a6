package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/variant"
)

// script writes a program that stands in for a build of this one and returns its path. It logs its arguments, and
// reports a median of ms milliseconds plus one for every turn before.
func script(t *testing.T, log, name, ms string) string {
	path := filepath.Join(t.TempDir(), name)
	text := "#!/bin/sh\nturn=$(grep -c '^" + name + " ' " + log + ")\necho " + name + " \"$*\" >> " + log + "\n" +
		"case \"$*\" in *nonsense*) echo 'optimizer: no nonsense' >&2; exit 2;; esac\n" +
		"case \"$*\" in *muon) add=10;; *) add=0;; esac\n" +
		"echo \"{\\\"ms_median\\\": $((" + ms + " + turn + add)), \\\"ms_min\\\": 1, \\\"rss_mb\\\": 7}\"\n"
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAgainst(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(log, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	self, build := script(t, log, "self", "10"), script(t, log, "build", "20")
	o := options{Size: "b", Threads: 2, Precision: "float32", Optimizer: "adamw"}
	b, err := against(context.Background(), self, o, build, 3)
	if err != nil {
		t.Fatal(err)
	}
	// 10, 11, 12 and 20, 21, 22.
	if b.Ours.Median != 11 || b.Other.Median != 21 || b.Ours.Least != 1 || b.Other.Memory != 7 ||
		b.Ratio != (ratio{21. / 11, 22. / 12, 2}) {
		t.Errorf("%+v", b)
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for line := range strings.Lines(string(text)) {
		who, words, _ := strings.Cut(strings.TrimSpace(line), " ")
		order = append(order, who)
		if !strings.Contains(words, "--size b --threads 2 ") || !strings.Contains(words, "--optimizer adamw") {
			t.Errorf("%s was called with %q", who, words)
		}
	}
	if got := strings.Join(order, " "); got != "self build build self self build" {
		t.Errorf("turns %s", got)
	}
	if b, err = against(context.Background(), self, o, "--optimizer muon", 1); err != nil || b.Other.Median != 24 {
		t.Errorf("with other options: %+v, %v", b, err) // the fourth and fifth turn of self, plus 10
	}
	for _, bad := range []struct {
		other  string
		rounds int
		want   string
	}{
		{"--optimizer nonsense", 1, "optimizer: no nonsense"},
		{filepath.Join(t.TempDir(), "nothing"), 1, "no such file"},
		{"--optimizer muon", 0, "must be at least 1, is 0"},
		{"false", 1, "exit status 1"},
	} {
		_, err := against(context.Background(), self, o, bad.other, bad.rounds)
		if at := new(variant.Error); !errors.As(err, &at) || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("%s: %v, want %q", bad.other, err, bad.want)
		}
	}
}
