package plots

import (
	"fmt"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg/draw"
)

// Growth is a figure of how the time of a step grows with each of several numbers, beside its operations.
type Growth struct {
	Title, Setting string
	Panels         []GrowthPanel
}

// GrowthPanel is one number that grows while the others stay.
type GrowthPanel struct {
	Name, Unit      string
	At              []float64 // ascending
	Cost, Low, High []float64 // milliseconds a step: median, least and most of the rounds
	Work            []float64 // operations, in any unit
	Base            int       // the point through which theory's line is drawn
	Slope, Theory   float64   // of the last doubling
}

// DrawGrowth writes the figure, a panel to each number on logarithmic axes, by rename. The path ends in .svg or .png.
func DrawGrowth(path string, g Growth) error {
	measured, theory := styleOf(0), styleOf(1)
	line := theory.line(1.4, 0xFF, fitDashes)
	pg := page{title: g.Title, cols: columns(len(g.Panels)), height: 150,
		subtitle: g.Setting + "\nDashed: the operations by formula, 6BT (12LD² + DV) + 7LT²DB, scaled to the base. Above each panel: the slope of the last doubling."}
	var values extent
	for _, l := range g.Panels {
		values.add(l.Low...)
		values.add(l.High...)
		values.add(l.scaled()...)
	}
	for k, l := range g.Panels {
		p := panel(k, len(g.Panels), pg.cols, "", "ms a step")
		p.X.Label.Text, p.X.Label.Padding = fmt.Sprintf("%s (%s)", l.Name, l.Unit), 3
		p.X.Min, p.X.Max = l.At[0]/math.Sqrt2, l.At[len(l.At)-1]*math.Sqrt2
		p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, pointTicks(l.At)
		scaleY(p, values.lo, values.hi)
		p.Add(grid{}, stroke{l.At, l.scaled(), line}, stroke{l.At, l.Cost, measured.line(.8, 0x90, nil)})
		for i, x := range l.At {
			p.Add(stroke{[]float64{x, x}, []float64{l.Low[i], l.High[i]}, measured.line(1.1, 0xFF, nil)})
		}
		p.Add(marks{x: l.At, y: l.Cost, style: measured.marker(2.6, 0xFF)},
			marks{x: l.At[l.Base:][:1], y: l.Cost[l.Base:][:1], style: draw.GlyphStyle{Color: ink, Radius: 4.6, Shape: draw.RingGlyph{}}})
		pg.panels, pg.titles = append(pg.panels, p), append(pg.titles, fmt.Sprintf("%s: slope %.2f, theory's %.2f", l.Name, l.Slope, l.Theory))
	}
	pg.legend = []entry{
		{text: "measured: median, least and most of the rounds", line: measured.line(.8, 0x90, nil), glyph: measured.marker(2.6, 0xFF)},
		{text: "theory", line: line},
		{text: "the base", glyph: draw.GlyphStyle{Color: ink, Radius: 4, Shape: draw.RingGlyph{}}},
	}
	return pg.write(path)
}

// scaled are the operations as times, equal to the cost at the base.
func (l GrowthPanel) scaled() []float64 {
	ms := make([]float64, len(l.Work))
	for i, w := range l.Work {
		ms[i] = l.Cost[l.Base] * w / l.Work[l.Base]
	}
	return ms
}

// pointTicks label where the points stand.
type pointTicks []float64

// Ticks implements plot.Ticker.
func (at pointTicks) Ticks(float64, float64) []plot.Tick {
	ticks := make([]plot.Tick, len(at))
	for i, x := range at {
		ticks[i] = plot.Tick{Value: x, Label: grouped(int(x))}
	}
	return ticks
}
