package store

import (
	"math"
	"path/filepath"
	"slices"
	"testing"
)

func TestFitsKeepWhatIsDetermined(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "a.db"))
	must(t, db.PutRun(run("r")))
	must(t, db.PutFits([]Fit{{Run: idOf("r"), Site: "resid_post", Statistic: "ratio_mean", Family: "emergence",
		Weight:   .75,
		PeakSeen: true, RiseTime: 12, Steady: 3,
		Condition: math.Inf(1), Undetermined: []string{"A", "lambda"},
		Intervals: map[string][2]float64{"A": {math.Inf(-1), 2}, "K": {1e-7, 4}, "t0": {1, math.Inf(1)}}}}))
	fits, err := db.Fits(Select{})
	must(t, err)
	f := fits[0]
	if f.Weight != .75 || !f.PeakSeen || f.RiseTime != 12 || f.Steady != 3 || !math.IsNaN(f.Condition) ||
		!slices.Equal(f.Undetermined, []string{"A", "lambda"}) {
		t.Errorf("fit %+v", f)
	}
	want := map[string][2]float64{"A": {math.Inf(-1), 2}, "K": {1e-7, 4}, "t0": {1, math.Inf(1)}}
	for name, i := range want {
		if f.Intervals[name] != i {
			t.Errorf("interval of %s %v, want %v", name, f.Intervals[name], i)
		}
	}
	// A fit that an older Outcrop stored has the columns' defaults.
	_, err = db.sql.Exec("UPDATE fits SET weight = NULL, intervals = '{}', undetermined = '[]'")
	must(t, err)
	if fits, err = db.Fits(Select{}); err != nil || !math.IsNaN(fits[0].Weight) ||
		len(fits[0].Intervals)+len(fits[0].Undetermined) != 0 {
		t.Errorf("an older fit %+v, %v", fits, err)
	}
	_, err = db.sql.Exec("UPDATE fits SET intervals = '['")
	must(t, err)
	if _, err := db.Fits(Select{}); err == nil {
		t.Error("damaged intervals were read without an error")
	}
}
