package plots

import (
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// cells draws a panel's rectangles in the colours of the table's scale.
type cells struct {
	rows   []Cells
	colors Colors
}

// Plot implements plot.Plotter.
func (h cells) Plot(c draw.Canvas, p *plot.Plot) {
	trX, trY := p.Transforms(&c)
	for _, row := range h.rows {
		y0, y1 := trY(row.Y-.5), trY(row.Y+.5)
		for i, x := range row.X {
			next := p.X.Max
			if i+1 < len(row.X) {
				next = row.X[i+1]
			}
			// A cell extends half a point under its right and upper neighbours, which are painted later: no seam is visible.
			x1, y1 := min(trX(next)+.5, c.Max.X), min(y1+.5, c.Max.Y)
			c.SetColor(color.NRGBA(shade(h.colors.position(row.Values[i]))))
			c.Fill(vg.Rectangle{Min: vg.Point{X: trX(x), Y: y0}, Max: vg.Point{X: x1, Y: y1}}.Path())
		}
	}
}

// position returns a value's position between the ends of the scale, 0 at Low and 1 at High.
func (s Colors) position(v float64) float64 {
	if s.High == s.Low {
		return 0
	}
	if s.Low > 0 {
		return math.Log(v/s.Low) / math.Log(s.High/s.Low)
	}
	return (v - s.Low) / (s.High - s.Low)
}

// anchors run from dark blue over teal to pale yellow. Their lightness (CIE L*) rises evenly from 20 to 92, so that
// they keep their order in grey print, and colour-blind readers can tell the hues apart.
var anchors = []Color{
	{0x1B, 0x2A, 0x6B, 0xFF}, {0x1F, 0x56, 0x8C, 0xFF}, {0x24, 0x80, 0x8E, 0xFF},
	{0x3F, 0xA5, 0x7D, 0xFF}, {0x94, 0xC6, 0x5E, 0xFF}, {0xFB, 0xE8, 0x7A, 0xFF},
}

// shade returns the colour at x, 0 to 1, by linear interpolation between the anchors.
func shade(x float64) Color {
	at := min(max(x, 0), 1) * float64(len(anchors)-1)
	i := min(int(at), len(anchors)-2)
	f := at - float64(i)
	mix := func(a, b uint8) uint8 { return uint8(math.Round(float64(a)*(1-f) + float64(b)*f)) }
	a, b := anchors[i], anchors[i+1]
	return Color{mix(a.R, b.R), mix(a.G, b.G), mix(a.B, b.B), 0xFF}
}

// paint draws the scale as a bar with its lower left corner at the given point and its labels to the right.
func (s Colors) paint(c draw.Canvas, at vg.Point, height vg.Length) {
	const bars, width = 128, 12
	for i := range bars {
		y := at.Y + height*vg.Length(i)/bars
		c.SetColor(color.NRGBA(shade((float64(i) + .5) / bars)))
		c.Fill(vg.Rectangle{Min: vg.Point{X: at.X, Y: y}, Max: vg.Point{X: at.X + width, Y: at.Y + height}}.Path())
	}
	style := aligned(lettering(textSize-1, quiet), draw.XLeft, draw.YCenter)
	for _, v := range s.ticks(height) {
		y := at.Y + height*vg.Length(s.position(v))
		c.StrokeLine2(Line{Color: quiet, Width: .5}.style(), at.X+width, y, at.X+width+3, y)
		c.FillText(style, vg.Point{X: at.X + width + 5, Y: y}, short(v))
	}
	label := aligned(lettering(textSize, ink), draw.XCenter, draw.YBottom)
	label.Rotation = math.Pi / 2
	c.FillText(label, vg.Point{X: at.X + barWidth - 4, Y: at.Y + height/2}, s.Label)
}

// ticks returns the ends of the scale and the round values between them whose labels have room.
func (s Colors) ticks(height vg.Length) []float64 {
	ticks := []float64{s.Low}
	far := func(v, from float64) bool {
		return math.Abs(s.position(v)-s.position(from))*float64(height) > textSize+2
	}
	if s.Low > 0 {
		for _, t := range (ratioTicks{}).Ticks(s.Low, s.High) {
			if t.Label != "" && far(t.Value, ticks[len(ticks)-1]) && far(t.Value, s.High) {
				ticks = append(ticks, t.Value)
			}
		}
	}
	if s.High > s.Low {
		ticks = append(ticks, s.High)
	}
	return ticks
}
