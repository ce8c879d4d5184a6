package plots

import (
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/outcrop-lab/outcrop/fit"
)

const stepLabel = "training step (updates)"

// stroke is a line through points, in data coordinates.
type stroke struct {
	x, y  []float64
	style draw.LineStyle
}

// Plot implements plot.Plotter.
func (s stroke) Plot(c draw.Canvas, p *plot.Plot) {
	points := onCanvas(c, p, s.x, s.y)
	if len(points) > 1 {
		c.StrokeLines(s.style, c.ClipLinesXY(points)...)
	}
}

// marks are glyphs at points, at least spacing apart along x. The first is drawn always.
type marks struct {
	x, y    []float64
	style   draw.GlyphStyle
	spacing vg.Length
	offset  vg.Length // added to where the first may stand, so that arms' glyphs do not coincide
}

// Plot implements plot.Plotter.
func (m marks) Plot(c draw.Canvas, p *plot.Plot) {
	next := c.Min.X + m.offset
	for _, point := range onCanvas(c, p, m.x, m.y) {
		if point.X >= next && c.Contains(point) {
			c.DrawGlyphNoClip(m.style, point)
			next = point.X + m.spacing
		}
	}
}

func onCanvas(c draw.Canvas, p *plot.Plot, xs, ys []float64) []vg.Point {
	trX, trY := p.Transforms(&c)
	points := make([]vg.Point, len(xs))
	for i := range xs {
		points[i] = vg.Point{X: trX(xs[i]), Y: trY(ys[i])}
	}
	return points
}

// grid draws light lines at the labelled ticks of both axes.
type grid struct{}

// Plot implements plot.Plotter.
func (grid) Plot(c draw.Canvas, p *plot.Plot) {
	trX, trY := p.Transforms(&c)
	style := draw.LineStyle{Color: faint, Width: .5}
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

// level is a horizontal line at a value that needs no training, to compare with.
type level float64

var levelStyle = draw.LineStyle{Color: quiet, Width: 1, Dashes: []vg.Length{1, 2}}

// Plot implements plot.Plotter.
func (l level) Plot(c draw.Canvas, p *plot.Plot) {
	_, trY := p.Transforms(&c)
	if y := trY(float64(l)); c.ContainsY(y) {
		c.StrokeLine2(levelStyle, c.Min.X, y, c.Max.X, y)
	}
}

// addCurves draws an arm: each seed thin, the median bold with the arm's glyphs on it.
func addCurves(p *plot.Plot, index int, a arm, curves []curve) {
	if len(curves) > 1 {
		for _, c := range curves {
			p.Add(stroke{c.steps, c.values, a.style.line(.6, 0x90, nil)})
		}
	}
	m := median(curves)
	p.Add(stroke{m.steps, m.values, a.style.line(1.6, 0xFF, nil)},
		marks{m.steps, m.values, a.style.marker(2.4, 0xFF), 26, vg.Length(index%4) * 6})
}

func (a arm) entry(text string) entry {
	return entry{text: text, line: a.style.line(1.6, 0xFF, nil), glyph: a.style.marker(2.4, 0xFF)}
}

// lastStep is the largest step of all curves.
func lastStep(curves [][]curve) float64 {
	last := 0.0
	for _, cs := range curves {
		for _, c := range cs {
			last = max(last, c.steps[len(c.steps)-1])
		}
	}
	return last
}

// addFit draws a fitted curve from lo to hi, broken where it leaves the axis.
func addFit(p *plot.Plot, f fit.Result, lo, hi float64, style draw.LineStyle) {
	s := stroke{style: style}
	for _, t := range between(lo, hi, 400) {
		if y := fit.Eval(f, t); y >= p.Y.Min && y <= p.Y.Max {
			s.x, s.y = append(s.x, t), append(s.y, y)
			continue
		}
		p.Add(s)
		s = stroke{style: style}
	}
	p.Add(s)
}

// between returns n steps from lo to hi, evenly spaced on the axis of steps.
func between(lo, hi float64, n int) []float64 {
	steps := make([]float64, n)
	for i := range steps {
		f := float64(i) / float64(n-1)
		steps[i] = math.Expm1(math.Log1p(lo)*(1-f) + math.Log1p(hi)*f)
	}
	return steps
}
