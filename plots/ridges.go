package plots

import (
	"fmt"
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// ground is an oblique projection. Channels run to the right, positions to the back, drawn to the right and up, and
// heights up.
type ground struct {
	origin vg.Point  // channel 0 of position 0 at height 0
	right  vg.Length // to the last channel
	back   vg.Point  // to the last position
	up     vg.Length // to the top of the scale
}

// groundOf returns the projection that fits a panel.
func groundOf(c draw.Canvas) ground {
	size := c.Size()
	return ground{
		origin: vg.Point{X: c.Min.X + 24, Y: c.Min.Y + 14},
		right:  size.X*.72 - 24,
		back:   vg.Point{X: size.X*.28 - 14, Y: size.Y * .3},
		up:     size.Y*.7 - 30,
	}
}

// at returns the point at the given shares, 0 to 1, of the three extents.
func (g ground) at(channel, position, height float64) vg.Point {
	return vg.Point{
		X: g.origin.X + g.right*vg.Length(channel) + g.back.X*vg.Length(position),
		Y: g.origin.Y + g.back.Y*vg.Length(position) + g.up*vg.Length(height),
	}
}

// Plot implements plot.Plotter. It paints the ridges from back to front, so that each hides those behind it.
func (s Ridges) Plot(c draw.Canvas, _ *plot.Plot) {
	g := groundOf(c)
	s.axes(c, g)
	for ridge := len(s.Heights) - 1; ridge >= 0; ridge-- {
		s.ridge(c, g, ridge)
	}
	tip := g.at(share(s.Channel, s.Channels), share(s.Position, s.Positions), s.Peak/s.Median/s.Top)
	c.DrawGlyph(Glyph{"ring", s.Color, 3}.style(), tip)
	text := fmt.Sprintf("largest: %s = %s medians, channel %d, position %d", short(s.Peak), short(s.Peak/s.Median),
		s.Channel, s.Position)
	if s.Token != "" {
		text += fmt.Sprintf(" (“%s”)", s.Token)
	}
	style := aligned(lettering(textSize-1, s.Color), draw.XCenter, draw.YTop)
	c.FillText(style, vg.Point{X: (c.Min.X + c.Max.X) / 2, Y: c.Max.Y}, shortened(text, style, c.Size().X))
}

// share returns the position of i among 0 to n-1 as a share: 0 for the first, 1 for the last.
func share(i, n int) float64 { return float64(i) / float64(max(1, n-1)) }

// ridge draws one position: its outline over the channels, and the outlying cells in colour.
func (s Ridges) ridge(c draw.Canvas, g ground, ridge int) {
	v, cells := share(ridge, len(s.Heights)), s.Heights[ridge]
	height := func(x float64) float64 { return x / s.Median / s.Top }
	outline := []vg.Point{g.at(0, v, 0)}
	for i, x := range cells {
		outline = append(outline, g.at(share(i, len(cells)), v, height(x)))
	}
	outline = append(outline, g.at(1, v, 0))
	c.FillPolygon(color.NRGBA(paper), outline)
	c.StrokeLines(Line{Color: quiet.faded(0xA0), Width: .35}.style(), outline[1:len(outline)-1])
	for i, x := range cells {
		if x > s.Outlying*s.Median {
			from, to := g.at(share(i, len(cells)), v, 0), g.at(share(i, len(cells)), v, height(x))
			c.StrokeLine2(Line{Color: s.Color, Width: 1.1}.style(), from.X, from.Y, to.X, to.Y)
		}
	}
}

// axes draws the ground's edges and the height axis with its scale in medians.
func (s Ridges) axes(c draw.Canvas, g ground) {
	line := Line{Color: quiet, Width: .5}.style()
	for _, edge := range [][2]vg.Point{{g.at(0, 0, 0), g.at(1, 0, 0)}, {g.at(1, 0, 0), g.at(1, 1, 0)},
		{g.at(0, 0, 0), g.at(0, 0, 1)},
		{g.at(0, 0, 0), g.at(0, 1, 0)}, {g.at(0, 1, 0), g.at(1, 1, 0)}} {
		c.StrokeLine2(line, edge[0].X, edge[0].Y, edge[1].X, edge[1].Y)
	}
	small := lettering(textSize-1, quiet)
	for _, tick := range (roundTicks{}).Ticks(0, s.Top) {
		p := g.at(0, 0, tick.Value/s.Top)
		c.StrokeLine2(line, p.X-3, p.Y, p.X, p.Y)
		c.FillText(aligned(small, draw.XRight, draw.YCenter), vg.Point{X: p.X - 4, Y: p.Y}, tick.Label)
	}
	below := aligned(small, draw.XCenter, draw.YTop)
	p := g.at(.5, 0, 0)
	c.FillText(below, vg.Point{X: p.X, Y: p.Y - 4}, fmt.Sprintf("channel, 0 to %d", s.Channels-1))
	side := aligned(small, draw.XCenter, draw.YTop)
	side.Rotation = math.Atan2(float64(g.back.Y), float64(g.back.X))
	p = g.at(1, .5, 0)
	c.FillText(side, vg.Point{X: p.X + 4, Y: p.Y - 3}, fmt.Sprintf("position, 0 to %d", s.Positions-1))
}
