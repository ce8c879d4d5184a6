package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/bench/steady"
	"github.com/outcrop-lab/outcrop/variant"
)

// TestMain runs as the worker of a whole run if it is started as one.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "worker" {
		if err := steady.Work(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// A whole run is trained by a worker process, and the time of its measurements is reported.
func TestWhole(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	l, err := whole(t.Context(), self, options{Size: "a", Threads: 1, Precision: "float32", Optimizer: "muon", Steps: 3,
		Batch: 4}, "heldout: 12")
	if err != nil {
		t.Fatal(err)
	}
	if l.Steps != 3 || l.Batch != 4 || l.Slices != 1 || l.Optimizer != "muon" ||
		!(l.Measuring > 0 && l.Measuring < l.Seconds) || l.Share != l.Measuring/l.Seconds || l.Memory < 1 {
		t.Errorf("%+v", l)
	}
	var said bytes.Buffer
	if err := l.print(false, &said); err != nil ||
		!strings.Contains(said.String(), "batch 4, 1 threads, 1 slices, float32, muon: 3 steps in ") {
		t.Errorf("%q, %v", &said, err)
	}
	for key, o := range map[string]options{
		"size":            {Size: "e"},
		"batch":           {Size: "a", Batch: -1},
		"optimizer":       {Size: "a", Optimizer: "adam_w"},
		"train.batch":     {Size: "a", Threads: 5, Precision: "float32", Optimizer: "adamw"},
		"train.steps":     {Size: "a", Threads: 1, Precision: "float32", Optimizer: "adamw", Steps: -1},
		"train.precision": {Size: "a", Threads: 1, Precision: "fp8", Optimizer: "adamw"},
	} {
		_, err := whole(t.Context(), self, o, "")
		if at := new(variant.Error); !errors.As(err, &at) || at.Key != key {
			t.Errorf("%+v: %v, want an error at the key %s", o, err, key)
		}
	}
}
