package store

import (
	"maps"
	"slices"
	"testing"
)

// A run is left out only if every statistic has exactly the wanted steps. A run that has more steps, or has them only
// in another series, may lack rows.
func TestUncovered(t *testing.T) {
	db, err := Open(t.TempDir() + "/x.db")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for run, steps := range map[string]map[string][]int{
		"whole":   {"top1": {0, 1, 10}, "loss": {0, 1, 10}},
		"shorter": {"top1": {0, 1}, "loss": {0, 1, 10}},
		"longer":  {"top1": {0, 1, 2, 10}, "loss": {0, 1, 10}},
		"without": {"loss": {0, 1, 10}},
		"nothing": {},
	} {
		if err := db.PutRun(Run{ID: run, Config: `{"probe":{"every":{"name":"log"}}}`, Status: Done, Step: 10}); err != nil {
			t.Fatal(err)
		}
		for statistic, all := range steps {
			for _, step := range all {
				var rows []Row
				for layer := range 2 {
					rows = append(rows, Row{Site: "s", Statistic: statistic, Layer: layer, Head: -1, Idx: -1, Value: 1})
				}
				if err := db.PutRows(run, step, rows); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	runs := []string{"whole", "shorter", "longer", "without", "nothing", "unknown"}
	got, err := db.Uncovered(runs, [][2]string{{"s", "top1"}, {"s", "loss"}}, []int{0, 1, 10}, false)
	if want := []string{"longer", "nothing", "shorter", "unknown", "without"}; err != nil ||
		!slices.Equal(slices.Sorted(maps.Keys(got)), want) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
	if got, err := db.Uncovered(runs, [][2]string{{"s", "loss"}, {"s", "never"}}, []int{0, 1, 10}, false); err != nil ||
		len(got) != len(runs) {
		t.Errorf("%v, %v: nothing was measured under a name that does not exist", got, err)
	}
	// What is usual may be missing, but not in part, and never the last pair.
	got, err = db.Uncovered(runs, [][2]string{{"s", "top1"}, {"s", "never"}, {"s", "loss"}}, []int{0, 1, 10}, true)
	if want := []string{"longer", "nothing", "shorter", "unknown"}; err != nil ||
		!slices.Equal(slices.Sorted(maps.Keys(got)), want) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
	if got, err := db.Uncovered(runs, [][2]string{{"s", "loss"}, {"s", "never"}}, []int{0, 1, 10}, true); err != nil ||
		len(got) != len(runs) {
		t.Errorf("%v, %v: the last pair must have been measured", got, err)
	}
	states, err := db.RunStatuses()
	if err != nil || len(states) != 5 || states["whole"] != (RunStatus{Done, 10, `{"name":"log"}`}) {
		t.Errorf("%v, %v", states, err)
	}
}
