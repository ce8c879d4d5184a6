package plots

import (
	"fmt"
	"math"
)

// Growth is a figure that shows how the time and the number of operations of a training step grow with each of several
// settings.
type Growth struct {
	Title, Setting string
	Panels         []GrowthPanel
}

// GrowthPanel shows the growth with one setting while the other settings stay the same.
type GrowthPanel struct {
	Name, Unit      string
	At              []float64 // ascending
	Cost, Low, High []float64 // milliseconds per step: median, minimum and maximum over the rounds
	Work            []float64 // operations, in any unit
	Base            int       // index of the point that the theoretical line passes through
	Slope, Theory   float64   // measured and theoretical slope over the last doubling
}

// DrawGrowth writes the figure g, with a panel on logarithmic axes for each setting. It writes the file atomically, by
// rename; path must end in .svg or .png.
func DrawGrowth(path string, g Growth) error { return g.table().write(path) }

func (g Growth) table() Table {
	measured, theory := styleOf(0), styleOf(1).line(1.4, 0xFF, fitDashes)
	t := Table{Title: g.Title, Columns: columns(len(g.Panels)), Height: 150,
		Subtitle: g.Setting + "\nDashed: the operations by the formula 6BT (12LD² + DV) + 7LT²DB, scaled to the base. " +
			"Above each panel: the slope of the last doubling.",
		Legend: []Entry{
			{Text: "measured: median, least and most over the rounds", Line: measured.line(.8, 0x90, nil),
				Glyph: measured.marker(2.6, 0xFF)},
			{Text: "theory", Line: theory},
			{Text: "the base", Glyph: &Glyph{"ring", ink, 4}},
		}}
	var values extent
	for _, l := range g.Panels {
		values.add(l.Low...)
		values.add(l.High...)
		values.add(l.scaled()...)
	}
	for _, l := range g.Panels {
		t.Panels = append(t.Panels, Panel{
			Title: fmt.Sprintf("%s: slope %.2f, theory %.2f", l.Name, l.Slope, l.Theory),
			X: Axis{Label: fmt.Sprintf("%s (%s)", l.Name, l.Unit), Scale: Log, Ticks: l.At,
				Min: l.At[0] / math.Sqrt2, Max: l.At[len(l.At)-1] * math.Sqrt2},
			Y: axisOver("ms a step", values),
			Series: []Series{
				{Name: "theory", X: l.At, Y: l.scaled(), Line: theory},
				{Name: "measured", X: l.At, Y: l.Cost, Low: l.Low, High: l.High, Line: measured.line(.8, 0x90, nil),
					Bars: measured.line(1.1, 0xFF, nil), Glyph: measured.marker(2.6, 0xFF)},
				points("the base", l.At[l.Base:][:1], l.Cost[l.Base:][:1], &Glyph{"ring", ink, 4.6}),
			},
		})
	}
	return t
}

// scaled returns the operations as times, scaled so that they equal the cost at the base.
func (l GrowthPanel) scaled() []float64 {
	ms := make([]float64, len(l.Work))
	for i, w := range l.Work {
		ms[i] = l.Cost[l.Base] * w / l.Work[l.Base]
	}
	return ms
}
