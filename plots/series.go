package plots

import (
	"image/color"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Plot implements plot.Plotter.
func (s Series) Plot(c draw.Canvas, p *plot.Plot) {
	if s.Fill != nil {
		back := onCanvas(c, p, s.X, s.Low)
		slices.Reverse(back)
		c.FillPolygon(color.NRGBA(*s.Fill), c.ClipPolygonXY(append(onCanvas(c, p, s.X, s.High), back...)))
	}
	if points := onCanvas(c, p, s.X, s.Y); s.Line != nil && len(points) > 1 {
		c.StrokeLines(s.Line.style(), c.ClipLinesXY(points)...)
	}
	if s.Bars != nil {
		for i, x := range s.X {
			ends := onCanvas(c, p, []float64{x, x}, []float64{s.Low[i], s.High[i]})
			c.StrokeLines(s.Bars.style(), c.ClipLinesXY(ends)...)
		}
	}
	if s.Glyph != nil {
		next := c.Min.X + vg.Length(s.Offset)
		for _, point := range onCanvas(c, p, s.X, s.Y) {
			if point.X >= next && c.Contains(point) {
				c.DrawGlyphNoClip(s.Glyph.style(), point)
				next = point.X + vg.Length(s.Spacing)
			}
		}
	}
}

func onCanvas(c draw.Canvas, p *plot.Plot, xs, ys []float64) []vg.Point {
	trX, trY := p.Transforms(&c)
	points := make([]vg.Point, len(ys))
	for i := range ys {
		points[i] = vg.Point{X: trX(xs[i]), Y: trY(ys[i])}
	}
	return points
}

// grid draws light lines at the labelled ticks of both axes.
type grid struct{}

// Plot implements plot.Plotter.
func (grid) Plot(c draw.Canvas, p *plot.Plot) {
	trX, trY := p.Transforms(&c)
	style := Line{Color: faint, Width: .5}.style()
	for _, t := range p.X.Tick.Marker.Ticks(p.X.Min, p.X.Max) {
		if x := trX(t.Value); t.Label != "" && c.ContainsX(x) {
			c.StrokeLine2(style, x, c.Min.Y, x, c.Max.Y)
		}
	}
	for _, t := range p.Y.Tick.Marker.Ticks(p.Y.Min, p.Y.Max) {
		if y := trY(t.Value); t.Label != "" && c.ContainsY(y) {
			c.StrokeLine2(style, c.Min.X, y, c.Max.X, y)
		}
	}
}

var levelLine = Line{Color: quiet, Width: 1, Dashes: []float64{1, 2}}

// Plot implements plot.Plotter.
func (l Level) Plot(c draw.Canvas, p *plot.Plot) {
	_, trY := p.Transforms(&c)
	if y := trY(l.At); c.ContainsY(y) {
		c.StrokeLine2(levelLine.style(), c.Min.X, y, c.Max.X, y)
	}
}

// entry returns the level's entry in a legend.
func (l Level) entry() Entry { return Entry{Text: l.Name, Line: &levelLine} }
