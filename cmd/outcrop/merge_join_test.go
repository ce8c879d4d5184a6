package main

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/experiments/results"
)

// seeded is the tiny sweep of 20 steps with the given seeds and arms.
func seeded(arms, seeds string, replace ...string) string {
	text := strings.ReplaceAll(tiny, "STEPS", "20")
	text = strings.Replace(text, "arms: {a: {}, b: {arch: {norm: ssnorm}}}", "arms: "+arms+"\nseeds: "+seeds, 1)
	return strings.NewReplacer(replace...).Replace(text)
}

// trained runs a sweep in a folder of its own.
func trained(t *testing.T, text string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if code, _, stderr := outcrop(t.Context(), "run", sweepFile(t, text), "--results", dir); code != exitDone {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	return dir
}

// merged merges folders into another and returns what was done and the warnings.
func merged(t *testing.T, into string, dirs ...string) (all []results.Merged, stderr string) {
	t.Helper()
	code, out, stderr := outcrop(t.Context(), append([]string{"merge", "--json", "--results", into}, dirs...)...)
	if err := json.Unmarshal([]byte(out), &all); err != nil || code != exitDone {
		t.Fatalf("exit %d, %v: %s %s", code, err, out, stderr)
	}
	return all, stderr
}

// standing lists the members of the sweep tiny as ARM/SEED STATUS.
func standing(t *testing.T, dir string) (members []string) {
	t.Helper()
	code, out, stderr := outcrop(t.Context(), "query", "--results", dir, "--json",
		`SELECT arm || '/' || m.seed || ' ' || status AS m FROM members m JOIN runs r ON r.hash = m.run
		WHERE sweep = 'tiny' ORDER BY m.arm, m.position, m.seed`)
	var rows []struct{ M string }
	if err := json.Unmarshal([]byte(out), &rows); err != nil || code != exitDone {
		t.Fatalf("exit %d, %v: %s", code, err, stderr)
	}
	for _, r := range rows {
		members = append(members, r.M)
	}
	return members
}

const bothArms = "{a: {}, b: {arch: {norm: ssnorm}}}"

// One sweep whose seeds were trained on two machines is one sweep after a merge, for every verb; the seed that both
// trained counts once. Merging again changes nothing.
func TestMergeJoinsSeeds(t *testing.T) {
	here, there := trained(t, seeded(bothArms, "[0, 1]")), trained(t, seeded(bothArms, "[1, 2]"))
	all, stderr := merged(t, here, there)
	if all[0].Runs != 2 || all[0].Joined != 2 || all[0].Apart != nil || strings.Contains(stderr, "join") {
		t.Errorf("%+v %s", all, stderr)
	}
	want := []string{"a/0 done", "a/1 done", "a/2 done", "b/0 done", "b/1 done", "b/2 done"}
	if got := standing(t, here); !slices.Equal(got, want) {
		t.Errorf("members %q, want %q", got, want)
	}
	if again, _ := merged(t, here, there); !reflect.DeepEqual(again[0], results.Merged{From: there}) {
		t.Errorf("again: %+v", again)
	}
	if code, out, stderr := outcrop(t.Context(), "status", "--results", here); code != exitDone ||
		strings.Count(out, "done") < 6 || strings.Contains(out, "no sweep") {
		t.Errorf("status: exit %d: %s %s", code, out, stderr)
	}
	if code, out, stderr := outcrop(t.Context(), "compare", "tiny", "--results", here); code != exitDone ||
		strings.Count(out, "n=3") == 0 || strings.Contains(out, "n=2") {
		t.Errorf("compare: exit %d: %s %s", code, out, stderr)
	}
	if code, _, stderr := outcrop(t.Context(), "fit", "--results", here); code != exitDone {
		t.Errorf("fit: exit %d: %s", code, stderr)
	}
	if code, out, _ := outcrop(t.Context(), "query", "--csv", `SELECT count(DISTINCT f.run) FROM fits f
		JOIN runs r ON r.id = f.run JOIN members m ON m.run = r.hash`, "--results", here); code != exitDone ||
		!strings.HasSuffix(out, "\n6\n") {
		t.Errorf("fits of %s runs, exit %d, want 6", out, code)
	}
}

// An arm that was added there joins, planned arms too, and two halves of a sweep, whichever is merged first.
func TestMergeJoinsArms(t *testing.T) {
	const three = "{a: {}, b: {arch: {norm: ssnorm}}, c: {optim: {name: sgd}}}"
	here, there := trained(t, seeded("{a: {}}", "1")), trained(t, seeded(three, "2"))
	all, stderr := merged(t, here, there)
	if all[0].Joined != 5 || all[0].Apart != nil {
		t.Errorf("%+v %s", all, stderr)
	}
	want := []string{"a/0 done", "a/1 done", "b/0 done", "b/1 done", "c/0 done", "c/1 done"}
	if got := standing(t, here); !slices.Equal(got, want) {
		t.Errorf("members %q, want %q", got, want)
	}
	a, b := trained(t, seeded("{a: {}}", "1")), trained(t, seeded("{b: {arch: {norm: ssnorm}}}", "1"))
	for _, order := range [][]string{{a, b}, {b, a}} {
		into := t.TempDir()
		merged(t, into, order...)
		if got := standing(t, into); !slices.Equal(got, []string{"a/0 done", "b/0 done"}) {
			t.Errorf("halves: %q", got)
		}
	}
}

// Sweeps of one name and other settings stay apart: the runs are merged, named and left without a sweep, and the
// remedy that the warning names works.
func TestMergeKeepsOthersApart(t *testing.T) {
	here := trained(t, seeded(bothArms, "1"))
	for name, c := range map[string]struct {
		text, why string
		apart     int
	}{
		"steps": {seeded(bothArms, "[7]", "steps: 20", "steps: 24"), "train.steps (20 here, 24 there)", 2},
		"an arm": {seeded("{a: {}, b: {arch: {norm: layernorm}}}", "[8]"),
			"arch.norm (ssnorm here, layernorm there)", 1},
		"a new arm": {seeded("{c: {arch: {norm: layernorm}}}", "[9]", "width: 16", "width: 8"),
			"arch.width (16 here, 8 there)", 1},
		"what is probed": {seeded("{a: {}}", "[10]", "heldout: 16", "heldout: 20"), "probe.heldout (16 here, 20 there)", 1},
	} {
		before, dir := standing(t, here), trained(t, c.text)
		all, stderr := merged(t, here, dir)
		apart := 0
		for _, a := range all[0].Apart {
			apart += len(a.Runs)
		}
		if apart != c.apart || !strings.Contains(stderr, c.why) || !strings.Contains(stderr, "rename theirs") {
			t.Errorf("%s: %+v %s", name, all, stderr)
		}
		if joined := len(standing(t, here)) - len(before); joined != all[0].Joined || joined+apart != all[0].Runs {
			t.Errorf("%s: %d joined, %+v", name, joined, all)
		}
		if name != "steps" {
			continue
		}
		renamed := sweepFile(t, strings.Replace(c.text, "name: tiny", "name: longer", 1))
		if code, _, stderr := outcrop(t.Context(), "run", renamed, "--results", dir); code != exitDone ||
			!strings.Contains(stderr, "2 of them before") {
			t.Errorf("renamed: exit %d: %s", code, stderr)
		}
		merged(t, here, dir)
		if code, out, stderr := outcrop(t.Context(), "compare", "longer", "--results", here); code != exitDone {
			t.Errorf("renamed: exit %d: %s %s", code, out, stderr)
		}
	}
}
