package plots

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot/vg"

	"github.com/outcrop-lab/outcrop/fit"
	"github.com/outcrop-lab/outcrop/variant"
)

// Column is one series of a table, with the fits of every family as fit.All returns them, the best first. NaNs and
// infinities in Values are not drawn.
type Column struct {
	Name          string
	Axis          string    // what Steps counts
	Steps, Values []float64 // of equal length; the steps ascend from 0 or more
	Fits          []fit.Result
}

// DrawColumns writes a figure with a panel for each series of a table: the points, the emergence curve of arXiv
// 2508.03616 fitted to them, and every rival's curve. A curve is interrupted where it leaves the axis. Names too long
// for the figure are cut; the caption has them whole. DrawColumns writes the file atomically, by rename; path must end
// in .svg or .png.
func DrawColumns(path, title string, table []Column) (Drawn, error) {
	t, err := columnsTable(title, table)
	if err != nil {
		return Drawn{}, err
	}
	return t.drawn(path), t.write(path)
}

// mostPanels is the number of panels up to which a figure is drawn.
const mostPanels = 100

func columnsTable(title string, table []Column) (Table, error) {
	t := Table{Title: printable(title), Subtitle: "Points: the table's values. Dashed: the curve A exp(-λx) ln x + K, " +
		"x = γt + t0, fitted to them. Thin: its rivals.\nAbove each panel: R² of the emergence curve, and the family " +
		"with the smallest AICc.",
		Columns: min(2, len(table)), Height: 150}
	if len(table) > mostPanels {
		return Table{}, variant.Errorf("series", "a figure shows at most %d series, not %d", mostPanels, len(table))
	}
	lines, drawn := familyLines(), map[string]bool{}
	t.Caption = columnsCaption(title, table)
	heading := bold(lettering(textSize, ink))
	for _, c := range table {
		p, err := c.panel(lines, drawn)
		if err != nil {
			return Table{}, err
		}
		room := vg.Length(pageWidth-2*margin)/vg.Length(t.Columns) - axisRoom
		p.Title = shortened(printable(c.Name), heading, room-heading.Width(p.Title)) + p.Title
		t.Panels = append(t.Panels, p)
	}
	t.Legend = []Entry{{Text: "measured", Glyph: styleOf(0).marker(2.4, 0xFF)},
		{Text: "emergence", Line: lines["emergence"]}}
	delete(drawn, "emergence")
	t.Legend = append(t.Legend, familyLegend(lines, drawn)...)
	return t, nil
}

func columnsCaption(title string, table []Column) string {
	names := make([]string, len(table))
	for i, c := range table {
		names[i] = strconv.Quote(c.Name)
	}
	return fmt.Sprintf("The series of %s over its column %q, with the emergence curve and its rivals fitted to each: %s.",
		title, table[0].Axis, strings.Join(names, ", "))
}

// panel returns the panel of a series, and as its title what comes after the series' name.
func (c Column) panel(lines map[string]*Line, drawn map[string]bool) (Panel, error) {
	x, y := make([]float64, 0, len(c.Steps)), make([]float64, 0, len(c.Steps))
	for i, step := range c.Steps {
		if step < 0 {
			return Panel{}, variant.Errorf(c.Name, "step %g is negative, which no axis shows", step)
		}
		if !math.IsNaN(c.Values[i]) && !math.IsInf(c.Values[i], 0) {
			x, y = append(x, step), append(y, c.Values[i])
		}
	}
	var values extent
	values.add(y...)
	first, last := x[0], x[len(x)-1]
	p := Panel{X: countAxis(printable(c.Axis), x), Y: axisOver("", values)}
	measured := points("measured", x, y, styleOf(0).marker(1.6, 0xA0))
	measured.Spacing = 2
	p.Series = []Series{measured}
	// The emergence curve is drawn last, above its rivals.
	for _, f := range slices.SortedStableFunc(slices.Values(c.Fits), emergenceLast) {
		drawn[f.Family] = true
		if f.Family == "emergence" {
			p.Title += fmt.Sprintf(", R² %.4f", f.R2)
		}
		p.Series = append(p.Series, fitted("fitted", f, first, last, p, lines[f.Family])...)
	}
	p.Title += "; best: " + c.Fits[0].Family
	return p, nil
}

// emergenceLast sorts the emergence curve after all others.
func emergenceLast(a, b fit.Result) int {
	rank := map[bool]int{true: 1}
	return rank[a.Family == "emergence"] - rank[b.Family == "emergence"]
}

// familyLines returns each family's line. The emergence curve is dashed. A family and its variant with an offset share
// a colour: the family is dotted, the variant solid.
func familyLines() map[string]*Line {
	lines := map[string]*Line{"emergence": styleOf(1).line(1.4, 0xFF, fitDashes)}
	colors := 2 // the points and the emergence curve take the first two
	families := fit.Families()
	for _, family := range families {
		if family == "emergence" || strings.HasSuffix(family, "_offset") {
			continue
		}
		s := styleOf(colors)
		colors++
		lines[family] = s.line(.9, 0xFF, nil)
		if offset := family + "_offset"; slices.Contains(families, offset) {
			lines[offset] = s.line(.9, 0xFF, nil)
			lines[family] = s.line(.9, 0xFF, []float64{1, 1.5})
		}
	}
	return lines
}
