package plots

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"

	"github.com/outcrop-lab/outcrop/fit"
)

func even(lo, hi float64, n int) []float64 { return Axis{}.between(lo, hi, n) }

func powers(exponents ...float64) (all []float64) {
	for _, e := range exponents {
		all = append(all, math.Pow(10, e))
	}
	return all
}

// tokens are the steps of a run that counts tokens, from 0 to 2.877e11.
var tokens = []float64{0, 2.1e6, 8.4e6, 3.36e7, 1.344e8, 5.376e8, 2.1e9, 1.89e10, 3.57e10, 6.93e10, 2.877e11}

// The axis of a table's steps is linear over less than a decade; otherwise the first positive step is its unit. Every
// point then has room: no two lie closer than a 400th of the axis, unless many do.
func TestCountAxis(t *testing.T) {
	for _, c := range []struct {
		steps []float64
		want  Axis
	}{
		{even(140000, 145000, 21), Axis{Scale: Linear, Min: 140000, Max: 145000}},
		{even(1700000000, 1700000923, 12), Axis{Scale: Linear, Min: 1700000000, Max: 1700000923}},
		{[]float64{0, 1, 2, 3, 4, 5, 9}, Axis{Scale: Linear, Max: 9}},
		{[]float64{1, 2, 3, 4, 5, 10}, Axis{Scale: Steps, Min: 1, Max: 10, Unit: 1}},
		{[]float64{0, 1, 10, 100, 1000}, Axis{Scale: Steps, Max: 1000, Unit: 1}},
		{tokens, Axis{Scale: Steps, Max: 2.877e11, Unit: 2.1e6}},
		{[]float64{0, 0, .01, .1, .5}, Axis{Scale: Steps, Max: .5, Unit: .01}},
		{[]float64{0, 0}, Axis{Scale: Linear, Max: 1}},
	} {
		got := countAxis("", c.steps)
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%v: %+v, want %+v", c.steps, got, c.want)
			continue
		}
		p := plot.New()
		got.apply(&p.X)
		for i := 1; i < len(c.steps) && p.X.Max > p.X.Min; i++ {
			if c.steps[i] > c.steps[i-1] && !(p.X.Norm(c.steps[i])-p.X.Norm(c.steps[i-1]) > 1./400) {
				t.Errorf("%v: steps %g and %g lie on one place", c.steps, c.steps[i-1], c.steps[i])
			}
		}
	}
}

// No label of any axis runs into the next, and every axis has two labels at least: in one, two or three columns, for
// counts and values of any size.
func TestLabelsHaveRoom(t *testing.T) {
	for name, steps := range map[string][]float64{
		"tokens": tokens, "resumed": even(140000, 145000, 9), "clock": even(1.7e9, 1.7e9+923, 9),
		"epochs": {0, .01, .02, .1, .5}, "days": {30, 31, 40, 60, 300}, "many decades": powers(0, 10, 20, 60, 99),
		"fractions": {0, 1e-9, 1e-8, 1e-5}, "nearly a decade": even(5e10, 2e11, 9), "updates": {0, 1, 10, 1e5, 1e6},
		"few": {0, 1, 2, 3},
	} {
		for columns := 1; columns <= 3; columns++ {
			for _, values := range [][]float64{{1, 2}, {1e-30, 1e30}, {1e20, 1e20}, {-1e9, 1e9}, {1e-9, 2e-9}, {1e6, 1e6 + 1}} {
				var e extent
				e.add(values...)
				table := Table{Columns: columns, Height: 150}
				for range columns {
					table.Panels = append(table.Panels, Panel{X: countAxis("count", steps), Y: axisOver("value", e)})
				}
				m := multiples{cols: columns, width: pageWidth - 2*margin, height: 150}
				for i := range table.Panels {
					m.plots = append(m.plots, table.plot(i))
				}
				m = m.measured()
				for _, p := range m.plots {
					roomy(t, fmt.Sprint(name, " in ", columns, " columns"), p.X, m.dataWidth, p.X.Tick.Label.Width)
					height := func(string) vg.Length { return p.Y.Tick.Label.Font.Size }
					roomy(t, fmt.Sprint(values, " in ", columns, " columns"), p.Y, m.height, height)
				}
			}
		}
	}
}

func roomy(t *testing.T, name string, a plot.Axis, length vg.Length, extent func(string) vg.Length) {
	t.Helper()
	labels, end := 0, vg.Length(math.Inf(-1))
	for _, tick := range a.Tick.Marker.Ticks(a.Min, a.Max) {
		at := vg.Length(a.Norm(tick.Value)) * length
		if tick.Label == "" || at < 0 || at > length {
			continue
		}
		labels++
		if at-extent(tick.Label)/2 < end {
			t.Errorf("%s: %q runs into the label before", name, tick.Label)
		}
		end = at + extent(tick.Label)/2
	}
	if labels < 2 {
		t.Errorf("%s, from %g to %g: %d labels", name, a.Min, a.Max, labels)
	}
}

// By hand: what is written at the ticks.
func TestTickLabels(t *testing.T) {
	for _, c := range []struct {
		ticks  plot.Ticker
		lo, hi float64
		want   string
	}{
		{stepTicks{unit: 1}, 0, 1200, "0 1 10 100 1,000"},
		{stepTicks{unit: 1, powers: true}, 0, 1200, "0 10^0 10^1 10^2 10^3"},
		{stepTicks{unit: 2.1e6}, 0, 2.9e11, "0 10^7 10^8 10^9 10^10 10^11"},
		{stepTicks{unit: 30}, 30, 600, "50 100 200 500"},
		{stepTicks{unit: .01}, 0, 2, "0 0.01 0.1 1"},
		{roundTicks{}, 140000, 145000, "140000 141000 142000 143000 144000 145000"},
		{roundTicks{}, 5e10, 2e11, "0.6×10^11 0.8×10^11 1.0×10^11 1.2×10^11 1.4×10^11 1.6×10^11 1.8×10^11 2.0×10^11"},
		{roundTicks{}, 0, 3e-9, "0 0.5×10^-9 1.0×10^-9 1.5×10^-9 2.0×10^-9 2.5×10^-9 3.0×10^-9"},
		{roundTicks{}, 1.7e9, 1.7e9 + 20, "1700000000 1700000005 1700000010 1700000015 1700000020"},
		{ratioTicks{}, 1, 1e11, "10^0 10^1 10^2 10^3 10^4 10^5 10^6 10^7 10^8 10^9 10^10 10^11"},
	} {
		var labels []string
		for _, tick := range c.ticks.Ticks(c.lo, c.hi) {
			if tick.Label != "" {
				labels = append(labels, tick.Label)
			}
		}
		if got := strings.Join(labels, " "); got != c.want {
			t.Errorf("%#v from %g to %g: %s, want %s", c.ticks, c.lo, c.hi, got, c.want)
		}
	}
}

// A name whose characters the font lacks is drawn as boxes in a PNG, as itself in an SVG, and a warning names the
// characters. The caption has every name whole, and a panel's title keeps what follows a long name.
func TestNamesOfSeries(t *testing.T) {
	steps, values := []float64{0, 10, 100, 1000}, []float64{1, 2, 3, 4}
	long := strings.Repeat("long name ", 30)
	fits := []fit.Result{{Family: "constant", Params: map[string]float64{"K": 2}}}
	draw := func(name string, series ...string) (Drawn, []byte) {
		var all []Column
		for _, s := range series {
			all = append(all, Column{s, "步", steps, values, fits})
		}
		path := filepath.Join(t.TempDir(), name)
		drawn, err := DrawColumns(path, "t.csv", all)
		if err != nil {
			t.Fatal(err)
		}
		return drawn, content(t, path)
	}
	drawn, svg := draw("a.svg", "激活 😀", long)
	validXML(t, svg)
	for _, want := range []string{">激活 😀; best: constant<", "…; best: constant<", ">步<"} {
		if !bytes.Contains(svg, []byte(want)) {
			t.Errorf("the SVG lacks %q", want)
		}
	}
	if !strings.Contains(drawn.Caption, long) || !strings.Contains(drawn.Caption, "激活 😀") ||
		!strings.Contains(drawn.Warning, "has no 激 活 😀 步:") {
		t.Errorf("caption %q, warning %q", drawn.Caption, drawn.Warning)
	}
	_, lost := draw("b.png", "激活")
	_, boxes := draw("c.png", "□□")
	_, blank := draw("d.png", "  ")
	if !sameTitle(t, lost, boxes) || sameTitle(t, lost, blank) {
		t.Error("in the PNG no boxes stand for the characters that the font lacks")
	}
	if plain, _ := draw("e.png", "λ µ Ж"); !strings.Contains(plain.Warning, "步") || strings.Contains(plain.Warning, "Ж") {
		t.Errorf("warning %q", plain.Warning)
	}
}

// sameTitle reports whether two pictures have as many dark pixels in the strip above the panel.
func sameTitle(t *testing.T, a, b []byte) bool {
	t.Helper()
	count := func(content []byte) (dark int) {
		picture, err := png.Decode(bytes.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		strip := image.Rect(0, 150, picture.Bounds().Dx(), 178)
		for y := strip.Min.Y; y < strip.Max.Y; y++ {
			for x := range strip.Max.X {
				if r, _, _, _ := picture.At(x, y).RGBA(); r < 0x8000 {
					dark++
				}
			}
		}
		return dark
	}
	return math.Abs(float64(count(a)-count(b))) < 20
}

// FuzzNames draws series and steps of any names.
func FuzzNames(f *testing.F) {
	for _, name := range []string{"top1", "激活 😀", "μ λ", "10^6", "a\x00b\n", "</text>&", "\xff\xfe", "مرحبا", "^", ""} {
		f.Add(name, name, 150.0, 1e9)
	}
	f.Add("a", "b", 1e-300, 1e99)
	f.Fuzz(func(t *testing.T, name, axis string, unit, last float64) {
		if !(unit >= 0 && last > unit && last >= 1e-100 && last <= 1e100) { // as package fit wants them
			return
		}
		steps, values := []float64{0, unit, unit + (last-unit)/2, last}, []float64{1, 2, last, 4}
		table, err := columnsTable(name, []Column{{name, axis, steps, values,
			[]fit.Result{{Family: "constant", Params: map[string]float64{"K": 2}}}}})
		if err != nil {
			t.Fatal(err)
		}
		svg, err := table.drawing().svg()
		if err != nil {
			t.Fatal(err)
		}
		validXML(t, svg)
		if bytes.Contains(svg, []byte("NaN")) && !strings.Contains(name+axis, "NaN") {
			t.Fatal("a coordinate is not finite")
		}
		_ = table.lost()
	})
}
