package plots

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/fit"
)

// picture holds an SVG's paths in points, with y growing upwards.
type picture struct {
	t     *testing.T
	svg   string
	paths []path
}

type path struct {
	points [][2]float64
	style  string
}

var pathElement = regexp.MustCompile(`<path d="([^"]*)" style="([^"]*)"`)

func drawn(t *testing.T, table Table) picture {
	t.Helper()
	svg, err := table.drawing().svg()
	if err != nil {
		t.Fatal(err)
	}
	validXML(t, svg)
	p := picture{t: t, svg: string(svg)}
	for _, m := range pathElement.FindAllStringSubmatch(p.svg, -1) {
		one := path{style: m[2]}
		for _, text := range strings.FieldsFunc(m[1], func(r rune) bool { return strings.ContainsRune("MLZ", r) }) {
			if x, y, ok := strings.Cut(text, ","); ok && !strings.ContainsAny(text, "A ") {
				one.points = append(one.points, [2]float64{number(t, x), number(t, y)})
			}
		}
		p.paths = append(p.paths, one)
	}
	return p
}

func number(t *testing.T, s string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// find returns the only path whose style holds all parts.
func (p picture) find(parts ...string) path {
	p.t.Helper()
	all := p.all(parts...)
	if len(all) != 1 {
		p.t.Fatalf("%d paths of style %v, want one", len(all), parts)
	}
	return all[0]
}

func (p picture) all(parts ...string) (found []path) {
	for _, one := range p.paths {
		ok := true
		for _, part := range parts {
			ok = ok && strings.Contains(one.style, part)
		}
		if ok {
			found = append(found, one)
		}
	}
	return found
}

// frame returns the data area. Its left edge is the only upright axis line of width .6, and its lower edge the only
// level one.
func (p picture) frame() (left, right, bottom, top float64) {
	p.t.Helper()
	left, right, bottom, top = math.NaN(), math.NaN(), math.NaN(), math.NaN()
	for _, one := range p.all("stroke:#666666", "stroke-width:0.6") {
		a, b := one.points[0], one.points[1]
		if a[0] == b[0] {
			bottom, top = min(a[1], b[1]), max(a[1], b[1])
		} else {
			left, right = min(a[0], b[0]), max(a[0], b[0])
		}
	}
	return left, right, bottom, top
}

// at checks a place, given as shares of the data area, to the digits that an SVG has.
func (p picture) at(what string, got [2]float64, x, y float64) {
	p.t.Helper()
	left, right, bottom, top := p.frame()
	wantX, wantY := left+x*(right-left), bottom+y*(top-bottom)
	if math.Abs(got[0]-wantX) > .02 || math.Abs(got[1]-wantY) > .02 {
		p.t.Errorf("%s stands at %.2f, %.2f, want %.2f, %.2f in a data area of %.2f to %.2f, %.2f to %.2f",
			what, got[0], got[1], wantX, wantY, left, right, bottom, top)
	}
}

func onePanel(p Panel) Table {
	return Table{Title: "title", Columns: 1, Height: 100, Panels: []Panel{p}}
}

var red, green = Color{255, 0, 0, 255}, Color{0, 255, 0, 255}

// A line's points lie where the scales put them: 10 in the middle of 1 to 100 on a logarithmic axis, step 9 in the
// middle of 0 to 99 on a step axis, and in proportion on a linear axis.
func TestLinesOnScales(t *testing.T) {
	for _, c := range []struct {
		x, y   Axis
		xs, ys []float64
		want   [][2]float64 // shares of the data area
	}{
		{Axis{Scale: Linear, Max: 10}, Axis{Scale: Log, Min: 1, Max: 100}, []float64{0, 4, 10}, []float64{1, 10, 100},
			[][2]float64{{0, 0}, {.4, .5}, {1, 1}}},
		{Axis{Scale: Steps, Max: 99}, Axis{Scale: Linear, Min: -1, Max: 3}, []float64{0, 9, 99}, []float64{0, 3, 1},
			[][2]float64{{0, .25}, {.5, 1}, {1, .5}}},
		{Axis{Scale: Log, Min: 1, Max: 1e4}, Axis{Scale: Linear, Max: 1}, []float64{10, 1000}, []float64{.25, .75},
			[][2]float64{{.25, .25}, {.75, .75}}},
	} {
		p := drawn(t, onePanel(Panel{X: c.x, Y: c.y, Series: []Series{{X: c.xs, Y: c.ys,
			Line: &Line{Color: red, Width: 2}}}}))
		line := p.find("stroke:#FF0000", "stroke-width:2")
		if len(line.points) != len(c.want) {
			t.Fatalf("%d points of a line of %d", len(line.points), len(c.want))
		}
		for i, want := range c.want {
			p.at(fmt.Sprintf("point %d on %s and %s", i, c.x.Scale, c.y.Scale), line.points[i], want[0], want[1])
		}
		if left, right, bottom, top := p.frame(); math.Abs(top-bottom-100) > .01 || right-left < 400 {
			t.Errorf("the data area is %g to %g, %g to %g, want a height of 100 and most of the width", left, right, bottom, top)
		}
	}
}

// The rest of a series: the band between Low and High, the bars, the glyphs with their spacing; and a level.
func TestBandBarsGlyphsLevels(t *testing.T) {
	blue := Color{0, 0, 255, 255}
	p := drawn(t, onePanel(Panel{X: Axis{Scale: Linear, Max: 100}, Y: Axis{Scale: Linear, Max: 10},
		Levels: []Level{{"half", 5}, {"outside", 11}},
		Series: []Series{{X: []float64{0, 20, 21, 100}, Y: []float64{1, 2, 3, 4}, Low: []float64{0, 1, 2, 3},
			High: []float64{2, 3, 6, 8},
			Fill: &red, Bars: &Line{Color: green, Width: 1.5}, Glyph: &Glyph{"box", blue, 2}, Spacing: 30}}}))
	band := p.find("fill:#FF0000").points
	for i, want := range [][2]float64{{0, .2}, {.2, .3}, {.21, .6}, {1, .8}, {1, .3}, {.21, .2}, {.2, .1}, {0, 0}} {
		p.at(fmt.Sprintf("corner %d of the band", i), band[i], want[0], want[1])
	}
	bars := p.all("stroke:#00FF00")
	if len(bars) != 4 {
		t.Fatalf("%d bars, want 4", len(bars))
	}
	p.at("the lower end of a bar", bars[2].points[0], .21, .2)
	p.at("the upper end of a bar", bars[2].points[1], .21, .6)
	glyphs := p.all("fill:#0000FF") // the one at 21 is too close to the one at 20
	if len(glyphs) != 3 {
		t.Fatalf("%d glyphs, want 3", len(glyphs))
	}
	for i, want := range [][2]float64{{0, .1}, {.2, .2}, {1, .4}} {
		a, b := glyphs[i].points[0], glyphs[i].points[2] // opposite corners of a square
		p.at(fmt.Sprintf("glyph %d", i), [2]float64{(a[0] + b[0]) / 2, (a[1] + b[1]) / 2}, want[0], want[1])
	}
	level := p.find("stroke:#666666", "stroke-dasharray:1,2") // the other lies outside
	p.at("the level's start", level.points[0], 0, .5)
	p.at("the level's end", level.points[1], 1, .5)
}

// Cells have the colour of their value and extend to the next cell; the bar beside them shows the scale.
func TestCells(t *testing.T) {
	table := onePanel(Panel{X: Axis{Scale: Linear, Max: 4}, Y: Axis{Scale: Linear, Min: -.5, Max: 1.5},
		Cells: []Cells{{0, []float64{0, 1, 3}, []float64{1, 10, 100}}, {1, []float64{0, 2}, []float64{100, 1}}}})
	table.Colors = &Colors{"scale", 1, 100}
	p := drawn(t, table)
	dark, pale := "fill:#1B2A6B", "fill:#FBE87A"
	middle := "fill:#329386" // halfway from #24808E to #3FA57D, the colours of .4 and .6
	for _, c := range []struct {
		color      string
		x0, x1, y0 float64 // shares of the data area
	}{{dark, 0, .25, 0}, {middle, .25, .75, 0}, {pale, .75, 1, 0}, {pale, 0, .5, .5}, {dark, .5, 1, .5}} {
		left, right, bottom, top := p.frame()
		x0, y0 := left+c.x0*(right-left), bottom+c.y0*(top-bottom)
		x1 := min(left+c.x1*(right-left)+.5, right) // cells reach half a point under the next
		found := false
		for _, cell := range p.all(c.color) {
			a, b := cell.points[0], cell.points[2]
			found = found || math.Abs(a[0]-x0) < .02 && math.Abs(a[1]-y0) < .02 && math.Abs(b[0]-x1) < .02
		}
		if !found {
			t.Errorf("no cell of colour %s begins at %.2f, %.2f and ends at %.2f", c.color, x0, y0, x1)
		}
	}
	for v, want := range map[float64]float64{1: 0, 10: .5, 100: 1} {
		if got := table.Colors.position(v); math.Abs(got-want) > 1e-12 {
			t.Errorf("%g stands at %g of 1 to 100, want %g", v, got, want)
		}
	}
	if got := (Colors{Low: -1, High: 3}).position(0); got != .25 {
		t.Errorf("0 stands at %g of -1 to 3, want .25", got)
	}
	low, high := shade(.5/128), shade(127.5/128) // the bar's first and last piece
	a, b := p.find(hexFill(low)).points, p.find(hexFill(high)).points
	if !(a[0][1] < b[0][1]) {
		t.Errorf("the bar's smallest value stands at %g, its largest at %g", a[0][1], b[0][1])
	}
}

func hexFill(c Color) string { return fmt.Sprintf("fill:#%02X%02X%02X", c.R, c.G, c.B) }

// A landscape's ring marks the largest cell, at its height above the ground.
func TestRidges(t *testing.T) {
	r := &Ridges{Heights: [][]float64{{1, 1, 1}, {1, 1, 20}}, Positions: 2, Channels: 3, Median: 1, Top: 20, Outlying: 10,
		Color: red,
		Peak:  20, Position: 1, Channel: 2}
	p := drawn(t, onePanel(Panel{Title: "ridge", Ridges: r}))
	tower := p.find("stroke:#FF0000", "stroke-width:1.1").points // the outlying cell, from the ground to its height
	edge := p.all("stroke:#666666", "stroke-width:0.5")
	right := edge[1].points[1] // the ground's right edge goes back from the last channel to the last position
	if math.Abs(tower[0][0]-right[0]) > .02 || math.Abs(tower[0][1]-right[1]) > .02 {
		t.Errorf("the outlier stands at %v, want the ground's corner %v", tower[0], right)
	}
	height := edge[2].points // the scale's
	if got, want := tower[1][1]-tower[0][1], height[1][1]-height[0][1]; math.Abs(got-want) > .02 {
		t.Errorf("it is %g high, want the scale's %g", got, want)
	}
	if !strings.Contains(p.svg, "largest: 20 = 20 medians, channel 2, position 1") {
		t.Error("the largest cell is not named")
	}
}

// An axis label that the panel to the left or below repeats is left out; titles and legend are shown.
func TestLabels(t *testing.T) {
	table := Table{Title: "title", Subtitle: "what is seen", Columns: 2, Height: 50,
		Legend: []Entry{{Text: "an entry", Line: &Line{Color: red, Width: 3}}}}
	for i := range 4 {
		table.Panels = append(table.Panels, Panel{Title: fmt.Sprintf("panel %d", i), X: Axis{Label: "steps", Max: 1},
			Y: Axis{Label: "values", Max: 1}})
	}
	p := drawn(t, table)
	for text, want := range map[string]int{"steps": 2, "values": 2, "panel 3": 1, "an entry": 1, "what is seen": 1} {
		if got := strings.Count(p.svg, ">"+text+"<"); got != want {
			t.Errorf("%q is shown %d times, want %d", text, got, want)
		}
	}
	p.find("stroke:#FF0000", "stroke-width:3")
	table.Panels[1].Y.Label = "others"
	if p := drawn(t, table); strings.Count(p.svg, ">others<") != 1 {
		t.Error("a label of its own is not shown")
	}
}

// An axis is logarithmic if all its values are positive and span more than a decade. A level at 0 makes it linear. A
// logarithmic axis does not draw a level at 0, or any other value that it cannot show.
func TestAxisOver(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   Scale
	}{{[]float64{1, 10}, Linear}, {[]float64{1, 11}, Log}, {[]float64{.01, 500}, Log}, {[]float64{0, 100}, Linear},
		{[]float64{-1, 100}, Linear}} {
		var e extent
		e.add(c.values...)
		a := axisOver("", e)
		if a.Scale != c.want || a.Min > e.lo || a.Max < e.hi {
			t.Errorf("%v: %+v, want %s", c.values, a, c.want)
		}
	}
	table := onePanel(Panel{X: Axis{Scale: Linear, Max: 1}, Y: Axis{Scale: Log, Min: 1, Max: 100},
		Levels: []Level{{"zero", 0}, {"ten", 10}},
		Series: []Series{{X: []float64{0, .5, 1}, Y: []float64{10, 10, 0}, Line: &Line{Color: red, Width: 2},
			Glyph: &Glyph{"box", green, 2}}}})
	p := drawn(t, table)
	p.at("the one level", p.find("stroke-dasharray:1,2").points[0], 0, .5)
	if got := len(p.all("fill:#00FF00")); got != 2 {
		t.Errorf("%d glyphs, want the 2 that the axis can show", got)
	}
	if strings.Contains(p.svg, "NaN") || strings.Contains(p.svg, "Inf") {
		t.Error("a coordinate is not finite")
	}
}

// (H_T - 1)/(T - 1) at T = 4: (1/2 + 1/3 + 1/4)/3; .0594 at T = 64 is where arXiv 2410.13835's sinks start.
func TestUniformAttention(t *testing.T) {
	if got, want := uniformAttention(4), 13./36; math.Abs(got-want) > 1e-12 {
		t.Errorf("%g, want %g", got, want)
	}
	if got := uniformAttention(64); math.Abs(got-.0594) > 5e-5 {
		t.Errorf("%g, want .0594", got)
	}
}

// A fitted curve is drawn at the family's own values and split where it leaves the axis: 4 exp(-x) ln x + 5 at
// x = t + 1 is 5 at t = 0, rises, and falls again.
func TestFitted(t *testing.T) {
	f := fit.Result{Family: "emergence", Params: map[string]float64{"A": 4, "lambda": 1, "gamma": 1, "t0": 1, "K": 5}}
	whole := fitted("a", f, 0, 99, Panel{X: stepAxis("", 99), Y: Axis{Max: 10}}, nil)
	if len(whole) != 1 || len(whole[0].X) != 400 || whole[0].Y[0] != 5 || math.Abs(whole[0].X[399]-99) > 1e-9 {
		t.Fatalf("%d pieces", len(whole))
	}
	for i, x := range whole[0].X {
		if want := 4*math.Exp(-(x+1))*math.Log(x+1) + 5; math.Abs(whole[0].Y[i]-want) > 1e-12 {
			t.Fatalf("%g at step %g, want %g", whole[0].Y[i], x, want)
		}
	}
	pieces := fitted("a", f, 0, 99, Panel{X: stepAxis("", 99), Y: Axis{Max: 5.1}}, nil) // its top lies above
	if len(pieces) != 2 || pieces[0].X[len(pieces[0].X)-1] >= 1 || pieces[1].X[0] <= 1 {
		t.Errorf("%d pieces, want one before step 1 and one after it", len(pieces))
	}
}
