package main

import (
	"math"
	"slices"
	"testing"

	"github.com/outcrop-lab/outcrop/bench/steady"
)

// The slopes of planted times are the planted powers, at the top and over all points. If the power changes along the
// axis, the slope at the top is the last one.
func TestPlanted(t *testing.T) {
	all, err := axes("context,batch", 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	times := map[steady.Size][]float64{}
	for _, s := range shapes(all) {
		x := float64(s.Context) / 128
		ms := 3 * math.Pow(x, 1.25) * math.Pow(float64(s.Batch)/16, .75)
		if s.Context > 512 {
			ms *= 2
		}
		times[s] = []float64{ms * 1.5, ms, ms * .5} // the median is the planted time
	}
	for i := range all {
		all[i].fill(times)
	}
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"context at the top", all[0].Top.Measured, 2.25},
		{"batch at the top", all[1].Top.Measured, .75},
		{"batch over all", all[1].Over.Measured, .75},
		{"the base's median", all[1].Points[3].Median, 3},
		{"its least round", all[1].Points[3].Low, 1.5},
		{"its rate", all[1].Points[3].Rate, 1e3 * base.GFLOP() / 3},
	} {
		if math.Abs(c.got-c.want) > 1e-9 {
			t.Errorf("%s is %v, want %v", c.name, c.got, c.want)
		}
	}
	if over := all[0].Over.Measured; !(over > 1.25 && over < 2.25) {
		t.Errorf("context over all is %v, not between 1.25 and 2.25", over)
	}
}

// Theory's slopes, worked by hand. With B T = 2048 a step has 65536 (9 D^2 + 160 D) operations at width D, and a L + h
// at L layers, with a = 12288 * 12 * 128^2 + 7 * 128^2 * 2048 and h = 12288 * 128 * 256. At context T it has 78643200 T
// + 57344 T^2. In the batch it is linear.
func TestTheory(t *testing.T) {
	all, err := axes("", 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	times := map[steady.Size][]float64{}
	for _, s := range shapes(all) {
		times[s] = []float64{1}
	}
	const a, h = 12288*12*128*128 + 7*128*128*2048, 12288 * 128 * 256
	want := map[string]float64{
		"width":   math.Log2((9*512*512 + 160*512) / (9*256*256 + 160*256.)), // 1.952
		"context": math.Log2(2 * (78643200 + 57344*1024) / (78643200 + 57344*512.)),
		"layers":  math.Log2((16*a + h) / (8*a + h*1.)),
		"batch":   1,
	}
	for i := range all {
		all[i].fill(times)
		if got := all[i].Top.Theory; math.Abs(got-want[all[i].Name]) > 1e-12 {
			t.Errorf("%s: theory's slope is %v, want %v", all[i].Name, got, want[all[i].Name])
		}
		if got := all[i].Top.Measured; got != 0 {
			t.Errorf("%s: equal times have a slope of %v", all[i].Name, got)
		}
		if !slices.ContainsFunc(all[i].Points, func(p point) bool { return p.Size == base }) {
			t.Errorf("%s does not pass through the base", all[i].Name)
		}
	}
	if got := base.GFLOP(); math.Abs(got-11.0058536) > 1e-6 { // 4 a + h
		t.Errorf("the base has %v GFLOP", got)
	}
}

func TestAxes(t *testing.T) {
	if all, err := axes("layers", 4); err != nil || len(all) != 1 || len(all[0].Points) != 3 {
		t.Errorf("%+v, %v", all, err)
	}
	for _, bad := range []string{"depth", "width"} {
		if _, err := axes(bad, 32); err == nil {
			t.Errorf("axis %s up to 32 is accepted", bad)
		}
	}
}
