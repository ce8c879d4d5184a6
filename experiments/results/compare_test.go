package results

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/store"
)

// Two arms over three seeds, the last of which is not done in the second arm: it counts for neither that arm nor the
// difference. Student's t is 12.7062 with one degree of freedom and 4.302653 with two (any table).
//
//nolint:funlen // one worked example
func TestCompare(t *testing.T) {
	db, err := store.Open(filepath.Join(t.TempDir(), "outcrop.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	losses := map[string][]float64{"a": {1, 2, 3}, "b": {0.5, 1.4, 9}}
	var members []store.Member
	for _, arm := range []string{"a", "b"} {
		for seed, loss := range losses[arm] {
			r := store.Run{ID: fmt.Sprint(arm, seed), Seed: uint64(seed), Steps: 8, Step: 8, Status: store.Done, DataDigest: "x",
				Config: fmt.Sprintf(`{"arch": {"width": %d}, "seed": %d}`, map[string]int{"a": 64, "b": 32}[arm], seed)}
			if loss == 9 {
				r.Status = store.Running
			}
			row := store.Row{Site: "run", Statistic: "loss", Layer: -1, Head: -1, Idx: -1, Value: loss}
			for _, err := range []error{db.PutRun(r), db.PutRows(r.ID, 8, []store.Row{row})} {
				if err != nil {
					t.Fatal(err)
				}
			}
			members = append(members, store.Member{Arm: arm, Seed: uint64(seed), Run: r.ID})
		}
	}
	if err := db.PutSweep(store.Sweep{Name: "s", Arms: []store.Arm{{Name: "a"}, {Name: "b", Order: 1}}},
		members); err != nil {
		t.Fatal(err)
	}
	c, err := Compare(db, CompareOptions{Names: []string{"s"}, Step: -1})
	if err != nil || len(c.Columns) != 2 || len(c.Metrics) != 2 || len(c.Differences) != 1 {
		t.Fatalf("%+v, %v", c, err)
	}
	if !slices.Equal(c.Differing, []string{"arch.width"}) || c.Values[0][0] != int64(64) || c.Values[0][1] != int64(32) {
		t.Errorf("differing %v %v, want the width alone", c.Differing, c.Values)
	}
	near := func(got, want float64) bool { return math.Abs(got-want) < 1e-4 }
	a, b, d := c.Metrics[0], c.Metrics[1], c.Differences[0]
	if half := 4.302653 / math.Sqrt(3); a.N != 3 || a.Mean != 2 || a.Median != 2 || !near(a.Interval.Low, 2-half) ||
		!near(a.Interval.High, 2+half) || a.Steps != [2]int{8, 8} {
		t.Errorf("a: %+v", a)
	}
	// standard error .9/2
	if half := 12.7062 * 0.45; b.N != 2 || !near(b.Mean, 0.95) || !near(b.Interval.High, 0.95+half) {
		t.Errorf("b: %+v", b)
	}
	if half := 12.7062 * 0.05; d.N != 2 || !near(d.Mean, -0.55) || !near(d.Interval.Low, -0.55-half) { // of -.5 and -.6
		t.Errorf("b less a: %+v", d)
	}
	if len(c.Notes) != 1 || c.Notes[0] != "b: 1 of 3 runs left out, which is running" {
		t.Errorf("notes %q", c.Notes)
	}
	// measured there, done or not
	if c, err = Compare(db, CompareOptions{Names: []string{"s"}, Step: 8}); err != nil || c.Metrics[1].N != 3 {
		t.Errorf("at step 8: %+v, %v", c.Metrics, err)
	}
	if c, err = Compare(db, CompareOptions{Names: []string{"a0", "s/b/0"}, Step: -1}); err != nil ||
		!near(c.Differences[0].Mean, -0.5) || !math.IsNaN(c.Differences[0].Interval.Low) {
		t.Errorf("two runs: %+v, %v", c, err)
	}
	for want, o := range map[string]CompareOptions{
		"is one thing":         {Names: []string{"s/a"}, Step: -1},
		`did you mean "loss"?`: {Names: []string{"s"}, Step: -1, Metrics: []string{"los"}},
		`unknown sweep "t"`:    {Names: []string{"t/a", "s"}, Step: -1},
	} {
		if _, err := Compare(db, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %s", o.Names, err, want)
		}
	}
}
