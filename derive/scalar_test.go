package derive

import (
	"encoding/json"
	"errors"
	"math"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/store"
)

// table returns rows of three layers and two heads at steps 0 and 8, and one value of the loss for each step. At step
// 8, head 1 of layer 1 is NaN, and layer 2 was not measured.
func table() []Row {
	rows := []Row{row(0, "run", "loss", -1, -1, -1, 5), row(8, "run", "loss", -1, -1, -1, 3),
		row(9, "run", "loss", -1, -1, -1, 4)}
	for step, layers := range map[int][][2]float64{
		0: {{1, 3}, {4, 8}, {2, 0}},
		8: {{5, 7}, {6, math.NaN()}},
	} {
		for layer, heads := range layers {
			for head, v := range heads {
				rows = append(rows, row(step, pattern, "sink_rate", layer, head, -1, v))
			}
		}
	}
	for i, v := range []float64{1, 9, 2, 4} {
		rows = append(rows, row(0, residPost, "top1", 0, -1, i, v))
	}
	return rows
}

var nan = math.NaN()

func of(site, statistic string, idx, heads, layers, step Rule) Scalar {
	return Scalar{Site: site, Statistic: statistic, Idx: idx, Heads: heads, Layers: layers, Step: step}
}

var sinkRate = func(heads, layers, step Rule) Scalar { return of(pattern, "sink_rate", Alone, heads, layers, step) }

func TestScalarRules(t *testing.T) {
	for _, c := range []struct {
		scalar Scalar
		want   []Curve // worked by hand
	}{
		{Scalar{Site: "run", Statistic: "loss"}, []Curve{{-1, -1, -1, []int{0, 8, 9}, []float64{5, 3, 4}}}},
		{Scalar{Site: "run", Statistic: "loss", Layers: Each, Step: Last}, []Curve{{-1, -1, -1, []int{9}, []float64{4}}}},
		{Scalar{Site: "run", Statistic: "loss", Step: Min}, []Curve{{-1, -1, -1, []int{8}, []float64{3}}}},
		{Scalar{Site: "run", Statistic: "loss", Step: Max}, []Curve{{-1, -1, -1, []int{0}, []float64{5}}}},
		{Scalar{Site: "run", Statistic: "loss", Step: First}, []Curve{{-1, -1, -1, []int{0}, []float64{5}}}},
		{Scalar{Site: "run", Statistic: "loss", Step: One(8)}, []Curve{{-1, -1, -1, []int{8}, []float64{3}}}},
		{Scalar{Site: "run", Statistic: "loss", Step: One(7)}, nil},
		{sinkRate(Max, Each, Each), []Curve{
			{0, -1, -1, []int{0, 8}, []float64{3, 7}}, {1, -1, -1, []int{0, 8}, []float64{8, 6}},
			{2, -1, -1, []int{0}, []float64{2}}}},
		{sinkRate(Mean, Each, Last), []Curve{
			{0, -1, -1, []int{8}, []float64{6}}, {1, -1, -1, []int{8}, []float64{nan}}, {2, -1, -1, []int{0}, []float64{1}}}},
		{sinkRate(Min, Max, Each), []Curve{{-1, -1, -1, []int{0, 8}, []float64{4, 6}}}},
		{sinkRate(Mean, Max, Each), []Curve{{-1, -1, -1, []int{0, 8}, []float64{6, 6}}}}, // 2 6 1; 6 NaN
		{sinkRate(Mean, Mean, Each), []Curve{{-1, -1, -1, []int{0, 8}, []float64{3, nan}}}},
		{sinkRate(Mean, Median, Each), []Curve{{-1, -1, -1, []int{0, 8}, []float64{2, 6}}}},
		{sinkRate(Mean, Last, Each), []Curve{{2, -1, -1, []int{0}, []float64{1}}}}, // never another layer in its place
		{sinkRate(First, First, Last), []Curve{{0, 0, -1, []int{8}, []float64{5}}}},
		{sinkRate(One(1), One(0), Each), []Curve{{0, 1, -1, []int{0, 8}, []float64{3, 7}}}},
		{sinkRate(Each, One(1), One(0)), []Curve{{1, 0, -1, []int{0}, []float64{4}}, {1, 1, -1, []int{0}, []float64{8}}}},
		{sinkRate(Alone, Each, Each), nil},
		{of(residPost, "top1", Median, Alone, Each, Each), []Curve{{0, -1, -1, []int{0}, []float64{3}}}},
		{of(residPost, "top1", Each, Alone, Each, Each), []Curve{{0, -1, 0, []int{0}, []float64{1}},
			{0, -1, 1, []int{0}, []float64{9}}, {0, -1, 2, []int{0}, []float64{2}}, {0, -1, 3, []int{0}, []float64{4}}}},
	} {
		if err := c.scalar.Check(); err != nil {
			t.Errorf("%s: %v", c.scalar, err)
		}
		got := c.scalar.Of(table())
		if len(got) != len(c.want) {
			t.Errorf("%s: %v, want %v", c.scalar, got, c.want)
			continue
		}
		for i, w := range c.want {
			g := got[i]
			if g.Layer != w.Layer || g.Head != w.Head || g.Idx != w.Idx || !slices.Equal(g.Steps, w.Steps) ||
				!equal(g.Values, w.Values) {
				t.Errorf("%s: %v, want %v", c.scalar, g, w)
			}
		}
	}
}

// equal takes NaN as equal to NaN.
func equal(a, b []float64) bool {
	return slices.EqualFunc(a, b, func(x, y float64) bool { return x == y || math.IsNaN(x) && math.IsNaN(y) })
}

// From a real database, Value reads a single number, a NULL is a NaN, and the error says what a run lacks.
func TestScalarRead(t *testing.T) {
	db, err := store.Open(filepath.Join(t.TempDir(), "outcrop.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	const run = "0123456789abcdef"
	if err := db.PutRun(store.Run{ID: run}); err != nil {
		t.Fatal(err)
	}
	for _, r := range table() {
		stored := store.Row{Site: r.Site, Statistic: r.Statistic, Layer: r.Layer, Head: r.Head, Idx: r.Idx, Value: r.Value}
		if err := db.PutRows(run, r.Step, []store.Row{stored}); err != nil {
			t.Fatal(err)
		}
	}
	if v, step, err := sinkRate(Max, Max, Last).Value(db, run); err != nil || v != 7 || step != 8 {
		t.Errorf("%v at step %d, %v, want 7 at 8", v, step, err)
	}
	if v, step, err := sinkRate(Mean, One(1), Last).Value(db, run); err != nil || !math.IsNaN(v) || step != 8 {
		t.Errorf("%v at step %d, %v, want NaN at 8", v, step, err)
	}
	if _, _, err := sinkRate(Max, Each, Last).Value(db, run); err == nil ||
		!strings.Contains(err.Error(), "is not one number: 3 curves of 1 step") {
		t.Errorf("three layers: %v", err)
	}
	loss := func(heads, layers, step Rule) Scalar { return of("run", "loss", Alone, heads, layers, step) }
	const layerRules = "(each, first, last, max, mean, median, min)"
	for _, c := range []struct {
		scalar Scalar
		want   string
	}{
		{Scalar{Site: "run", Statistic: "acc"}, "run 0123456789ab: acc at run: not measured"},
		{loss(Alone, Alone, One(7)), "run 0123456789ab: loss at run, step 7: not measured at step 7"},
		{loss(One(1), Mean, Each),
			"run 0123456789ab: mean over layers of loss at run, head 1: has no heads to choose 1 of"},
		{sinkRate(Alone, Each, Each),
			"run 0123456789ab: sink_rate at attn.pattern, each layer: has heads 0 to 1, and no rule for them"},
		{sinkRate(Max, One(7), Each),
			"run 0123456789ab: max over heads of sink_rate at attn.pattern, layer 7: has layers 0 to 2, not 7"},
		{sinkRate("maxx", Each, Each), `derive: heads: unknown rule "maxx", did you mean "max"? ` + layerRules},
		{sinkRate(Max, One(-1), Each), `derive: layers: unknown rule "-1" ` + layerRules},
		{sinkRate(Max, Max, Mean),
			`derive: step: unknown rule "mean", did you mean "max"? (each, first, last, max, min)`},
		{Scalar{Statistic: "loss"}, "derive: a scalar needs a site and a statistic"},
	} {
		_, err := c.scalar.Read(db, run)
		if err == nil || err.Error() != c.want {
			t.Errorf("%v, want %s", err, c.want)
		}
		var missing *Missing
		if got, say := errors.As(err, &missing), strings.HasPrefix(c.want, "run "); got != say {
			t.Errorf("%v: missing %v, want %v", err, got, say)
		}
	}
}

func TestScalarText(t *testing.T) {
	var s Scalar
	text := `{"site":"attn.pattern","statistic":"sink_rate","heads":"mean","layers":"max","step":"last"}`
	if err := json.Unmarshal([]byte(text), &s); err != nil || !reflect.DeepEqual(s, sinkRate(Mean, Max, Last)) {
		t.Errorf("%+v, %v", s, err)
	}
	if back, err := json.Marshal(s); err != nil || string(back) != text {
		t.Errorf("%s, %v, want %s", back, err, text)
	}
	numbers := `{"site":"run","statistic":"loss","layers":3,"step":0}`
	if err := json.Unmarshal([]byte(numbers), &s); err != nil || s.Layers != One(3) || s.Step != One(0) {
		t.Errorf("%+v, %v", s, err)
	}
	if back, err := json.Marshal(Scalar{Site: "run", Statistic: "loss", Layers: One(3), Step: One(0)}); err != nil ||
		string(back) != numbers {
		t.Errorf("%s, %v, want %s", back, err, numbers)
	}
	s = sinkRate(Mean, Max, Last)
	whole := Scalar{Site: "run", Statistic: "loss", Step: Max}
	for want, s := range map[string]Scalar{
		"max over layers of mean over heads of sink_rate at attn.pattern, last step": s,
		"max over steps of loss at run":                                              whole,
		"sink_rate at attn.pattern, each head, last layer, step 100":                 sinkRate(Each, Last, One(100)),
	} {
		if got := s.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
