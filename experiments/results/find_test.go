package results

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/store"
)

// A run is found by its id, by any beginning of the id that is unique, and by its name in each sweep. The error for an
// unknown name gives the nearest one.
func TestFind(t *testing.T) {
	db, err := store.Open(filepath.Join(t.TempDir(), "outcrop.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	ids := []string{"abc1" + strings.Repeat("0", 60), "abd2" + strings.Repeat("0", 60), "face" + strings.Repeat("0", 60)}
	for _, id := range ids[:2] {
		if err := db.PutRun(store.Run{ID: id, Config: "{}"}); err != nil {
			t.Fatal(err)
		}
	}
	arms := []store.Arm{{Name: "baseline"}, {Name: "gated", Order: 1}}
	members := []store.Member{{Arm: "baseline", Seed: 0, Run: ids[0]}, {Arm: "baseline", Seed: 1, Run: ids[1]},
		{Arm: "gated", Seed: 0, Run: ids[2]}}
	for _, name := range []string{"tiny", "fa"} {
		if err := db.PutSweep(store.Sweep{Name: name, Arms: arms},
			append(members, store.Member{Arm: "gated", Seed: 0, Run: ids[1], Order: 9})); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]Target{
		"abc":             {One: true, Runs: make([]store.MemberRun, 1)},
		"face":            {One: true, Runs: make([]store.MemberRun, 1)}, // it is only planned
		"tiny":            {Sweep: "tiny", Runs: make([]store.MemberRun, 4)},
		"fa/":             {Sweep: "fa", Runs: make([]store.MemberRun, 4)},
		"tiny/baseline":   {Sweep: "tiny", Arm: "baseline", Runs: make([]store.MemberRun, 2)},
		"tiny/baseline/1": {Sweep: "tiny", Arm: "baseline", One: true, Runs: make([]store.MemberRun, 1)},
	} {
		got, err := Find(db, name)
		if err != nil || got.Sweep != want.Sweep || got.Arm != want.Arm || got.One != want.One ||
			len(got.Runs) != len(want.Runs) {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, want)
		}
	}
	if got, err := FindRun(db, "tiny/baseline/1"); err != nil || got.Run.ID != ids[1] || got.Run.Config != "{}" {
		t.Errorf("%+v, %v, want run %s", got, err, ids[1])
	}
	for name, want := range map[string]string{
		"ab": `2 runs begin with "ab": write more of the id (abc100000000, abd200000000)`,
		"abx1": `none of the 3 runs in ` + db.Path() +
			` begins with "abx1", and no sweep has that name, did you mean "abc1"?`,
		"tny":          `did you mean "tiny"?`,
		"":             "none of the 3 runs",
		"fa":           `"fa" is a sweep and also the beginning of a run's id: write fa/ for the sweep, or more of the id`,
		"tny/baseline": `did you mean "tiny"?`,
		"tiny/basline": `did you mean "baseline"?`,
		"tiny/gated/7": "the arm has no such seed; it has 0, 0",
		"tiny/gated/0": `stands for 2 runs, which differ in more than the seed: name one by its id (face00000000, ` +
			`abd200000000)`,
		"tiny/gated/0/":  "stands for 2 runs",
		"tiny/gated/0/1": "the arm has no such seed",
	} {
		if _, err := Find(db, name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", name, err, want)
		}
	}
	if _, err := FindRun(db, "tiny"); err == nil ||
		!strings.Contains(err.Error(), `"tiny" stands for 4 runs: name one of them (tiny/baseline/0, tiny/baseline/1, `) {
		t.Errorf("a sweep for a run: %v", err)
	}
}
