package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/trainer"
	"github.com/outcrop-lab/outcrop/variant"
)

func TestRounds(t *testing.T) {
	var ours, theirs timed
	for _, steps := range [][]float64{{1, 1, 9}, {2, 2, 2}, {4, 4, 4}} {
		ours.add(steps)
	}
	for _, steps := range [][]float64{{2, 2.5, 1.5}, {6, 6, 6}, {5, 3, 4}} {
		theirs.add(steps)
	}
	// The medians of the rounds are 1, 2, 4 and 2, 6, 4; their ratios 2, 3, 1.
	if want := []float64{2, 6, 4}; !slices.Equal(theirs.Rounds, want) || theirs.Median != 4 || theirs.Least != 1.5 {
		t.Errorf("rounds %v, median %v, least %v", theirs.Rounds, theirs.Median, theirs.Least)
	}
	if got := over(theirs.Rounds, ours.Rounds); got != (ratio{2, 1, 3}) {
		t.Errorf("ratio %+v", got)
	}
	if want := []float64{2, 6, 4}; !slices.Equal(theirs.Rounds, want) {
		t.Errorf("over has sorted the rounds: %v", theirs.Rounds)
	}
	ours.Memory, theirs.Memory = 10, 30
	both := mean([]timed{ours, theirs})
	if want := []float64{1.5, 4, 4}; !slices.Equal(both.Rounds, want) || both.Median != 4 || both.Least != 1 ||
		both.Memory != 20 {
		t.Errorf("mean %+v", both)
	}
}

func TestFastest(t *testing.T) {
	all := []rival{
		{mode: mode{"eager", "sdpa", installed}, timed: timed{Median: 1}},
		{mode: mode{"eager", "sdpa", tuned}, timed: timed{Median: 3}},
		{mode: mode{"compile", "sdpa", tuned}, timed: timed{Median: 2}},
		{mode: mode{"eager", "sdpa", avx2}, timed: timed{Median: .5}},
	}
	if best := fastest(all, tuned); best != &all[2] {
		t.Errorf("the fastest tuned is %v", best)
	}
	if best := fastest(all, installed); best != &all[0] {
		t.Errorf("the fastest as installed is %v", best)
	}
	if best := fastest(all, avx2); best != &all[3] {
		t.Errorf("the fastest with MKL at AVX2 is %v", best)
	}
	if best := fastest(nil, tuned); best != nil {
		t.Errorf("the fastest of none is %v", best)
	}
}

func TestModes(t *testing.T) {
	modes, err := parseModes("eager/sdpa,max-autotune/baddbmm")
	if err != nil {
		t.Fatal(err)
	}
	b := bench{modes: modes}
	want := []mode{{"eager", "sdpa", tuned}, {"max-autotune", "baddbmm", tuned}, {"eager", "sdpa", installed}}
	if got := b.ways(); !slices.Equal(got, want) {
		t.Errorf("ways %v, want %v", got, want)
	}
	b.avx2 = true
	if got, want := b.ways(), append(want, mode{"eager", "sdpa", avx2}); !slices.Equal(got, want) {
		t.Errorf("ways %v, want %v", got, want)
	}
	for _, bad := range []string{"", "eager", "eager/", "/sdpa", "eager/sdpa,"} {
		if _, err := parseModes(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

// MKL_ENABLE_INSTRUCTIONS is set for the setup avx2 and for no other, whatever the environment has.
func TestAVX2(t *testing.T) {
	t.Setenv("MKL_ENABLE_INSTRUCTIONS", "SSE4_2")
	var b bench
	for _, m := range []mode{{"eager", "sdpa", tuned}, {"eager", "sdpa", installed}, {"eager", "sdpa", avx2}} {
		told := slices.DeleteFunc(b.python3(t.Context(), 1, m).Env,
			func(v string) bool { return !strings.HasPrefix(v, "MKL_ENABLE_") })
		var want []string
		if m.Setup == avx2 {
			want = []string{"MKL_ENABLE_INSTRUCTIONS=AVX2"}
		}
		if !slices.Equal(told, want) {
			t.Errorf("%s gets %q, want %q", m, told, want)
		}
	}
}

func TestPeak(t *testing.T) {
	if peak() == 0 {
		if _, err := os.Stat("/proc/self/status"); err == nil {
			t.Error("no peak memory found in /proc/self/status")
		}
	}
}

// The peer's script has the same sizes as sizes, and a whole run is measured at the default steps.
func TestPeerIsTheSameModel(t *testing.T) {
	for name, s := range sizes {
		row := fmt.Sprintf("%q: (%d, %d, %d, %d, %d, %d),", name, s.Layers, s.Width, s.Heads, s.Context, s.Batch, s.Vocab)
		if !strings.Contains(peerScript, row) {
			t.Errorf("peer/step.py lacks %s", row)
		}
	}
	source, err := trainer.Default().Data.Value.Open(sizes["a"].Context)
	if err != nil {
		t.Fatal(err)
	}
	if row := fmt.Sprintf("\nTOKENS = %d ", source.Vocab()); !strings.Contains(peerScript, row) {
		t.Errorf("peer/step.py lacks %q", row)
	}
	// 20 a decade: 10^(4/20) is 1.6, which comes to 2 as 10^(6/20) does.
	const first, last = "0,1,2,3,4,5,6,7,8,9,10,11,13,", ",1585,1778,1995,2000"
	if got := measured(trainer.Default(), 2000); !strings.HasPrefix(got, first) || !strings.HasSuffix(got, last) {
		t.Errorf("measured at %s, want %s…%s", got, first, last)
	}
}

// A child reports its model, takes as many steps as requested, and ends when its input does.
func TestTurns(t *testing.T) {
	var out bytes.Buffer
	if err := turns(options{Size: "a", Threads: 1, Precision: "float32", Optimizer: "adamw"}, strings.NewReader("2\n3\n"),
		&out); err != nil {
		t.Fatal(err)
	}
	hear := json.NewDecoder(&out)
	var r ready
	if err := hear.Decode(&r); err != nil {
		t.Fatal(err)
	}
	// 2 V D + L (12 D^2 + 2 D) + D.
	if r.Params != 131392 || r.Threads != 1 || math.Abs(r.FirstLoss-firstLoss(sizes["a"])) > .05 || r.Step <= 0 {
		t.Errorf("ready %+v", r)
	}
	for _, n := range []int{2, 3} {
		var a answer
		if err := hear.Decode(&a); err != nil {
			t.Fatal(err)
		}
		if len(a.Steps) != n || slices.Min(a.Steps) <= 0 {
			t.Errorf("%d steps took %v ms", n, a.Steps)
		}
	}
	if hear.More() {
		t.Error("more answers than turns")
	}
}

// A step in bf16 is timed if the kernels support it; otherwise the error names the key.
func TestBF16(t *testing.T) {
	for _, path := range []string{"", "portable"} {
		r, err := time(options{Size: "a", Threads: 1, Precision: "bf16", Optimizer: "adamw", Kernels: path, Steps: 5})
		at := new(variant.Error)
		switch has := compute.Can(path, compute.BF16) == nil; {
		case has && (err != nil || r.Precision != "bf16" || r.Median <= 0 || r.Peak <= 0):
			t.Errorf("%q kernels: %+v, %v", path, r, err)
		case !has && (!errors.As(err, &at) || at.Key != "train.precision"):
			t.Errorf("%q kernels: %v", path, err)
		}
	}
}
