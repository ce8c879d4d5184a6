package predict

import (
	"math"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/store"
)

// A sweep's table has the emergence fits of finished runs and no others. A stored configuration gives the same
// architecture again, whatever the seed and the probe.
func TestCollect(t *testing.T) {
	db, err := store.Open(filepath.Join(t.TempDir(), "outcrop.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	sweep := store.Sweep{Name: "s", Arms: []store.Arm{{Name: "a"}, {Name: "b", Order: 1}}}
	members := []store.Member{{Sweep: "s", Arm: "a", Run: "0123456789abcdef"}, {Sweep: "s", Arm: "b", Run: "bb"},
		{Sweep: "s", Arm: "b", Seed: 1, Run: "cc"}, {Sweep: "s", Arm: "b", Seed: 2, Run: "none"}}
	if err := db.PutSweep(sweep, members); err != nil {
		t.Fatal(err)
	}
	for id, status := range map[string]string{"0123456789abcdef": "done", "bb": "diverged", "cc": "done"} {
		text := config(2, 64, .01, "rmsnorm", "none")
		if id == "cc" {
			text = config(3, 64, .01, "rmsnorm", "none")
		}
		if err := db.PutRun(store.Run{ID: id, Config: text, Status: status, Seed: 1, Slices: 2, Steps: 800}); err != nil {
			t.Fatal(err)
		}
		params := map[string]float64{"A": -2, "lambda": .5, "gamma": .01, "t0": 2, "K": 9}
		fit := store.Fit{Run: id, Site: site, Statistic: statistic, Layer: 1, Head: -1, Idx: -1, Family: "emergence",
			Params: params, R2: .9, Regime: "early peak",
			Undetermined: []string{"A"}, Intervals: map[string][2]float64{"beta": {.001, math.Inf(1)}}}
		rival, elsewhere := fit, fit
		rival.Family, rival.Params = "constant", map[string]float64{"K": 9}
		elsewhere.Statistic = "top1"
		if err := db.PutFits([]store.Fit{fit, rival, elsewhere}); err != nil {
			t.Fatal(err)
		}
	}
	table, left, err := Collect(db, "s")
	if err != nil {
		t.Fatal(err)
	}
	if left != 2 || len(table.Archs) != 2 || len(table.Rows) != 2 { // one run diverged, another was never trained
		t.Fatalf("%d left out, %d architectures, %d rows", left, len(table.Archs), len(table.Rows))
	}
	want := Row{Arm: 0, Seed: 1, Run: "0123456789ab", Layer: 1,
		Params:       map[string]float64{"A": -2, "lambda": .5, "gamma": .01, "t0": 2, "K": 9, "beta": .005},
		Undetermined: []string{"A", "beta"}, Regime: "early peak", R2: .9, Last: 800}
	if !reflect.DeepEqual(table.Rows[0], want) {
		t.Errorf("%+v, want %+v", table.Rows[0], want)
	}
	if a := table.Archs[1]; a.Name != "b" || a.Layers() != 3 || strings.Contains(a.Config, "seed") ||
		strings.Contains(a.Config, "probe") {
		t.Errorf("%+v", a)
	}
	again, err := ParseArch(table.Archs[0].Config)
	other, otherErr := ParseArch(strings.Replace(config(2, 64, .01, "rmsnorm", "none"), `"seed":3`, `"seed":4`, 1))
	if err != nil || otherErr != nil || !again.same(table.Archs[0].Arch) || !other.same(again) {
		t.Errorf("%v %v: the architecture differs", err, otherErr)
	}
	if _, _, err := Collect(db, "t"); err == nil {
		t.Error("Collect accepts a sweep that does not exist")
	}
	if _, err := ParseArch(`{"arch":{"layers":2}}`); err == nil || !strings.Contains(err.Error(), "it has no arch.width") {
		t.Errorf("error %v", err)
	}
}

// The features of the second of four layers, worked by hand: width 64, two heads, lr .01.
func TestFeatures(t *testing.T) {
	p := newPredictor(planted(t, 12, 0, 1))
	a, err := ParseArch(config(4, 64, .01, "rmsnorm", "g1"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]float64{
		"p": .5, "p^2": .25, "p^3": .125, "sqrt p": math.Sqrt(.5), "l L": 8,
		"H/d": 1. / 32, "H/L": .5, "d_ff/d": 4, "d/L": 16, "ln d": math.Log(64), "ln T": math.Log(32),
		"ln lr": math.Log(.01), "weight decay": 0, "arch.gate=g1": 1, "arch.norm=ssnorm": 0,
	}
	got := map[string]float64{}
	for i, x := range features(p.columns, a, 1) {
		got[p.columns[i].Name] = x
	}
	if len(got) != len(want) {
		t.Errorf("%d features, want %d: %v", len(got), len(want), got)
	}
	for name, w := range want {
		if g, ok := got[name]; !ok || math.Abs(g-w) > 1e-15 {
			t.Errorf("%s: %g (exists: %v), want %g", name, g, ok, w)
		}
	}
}
