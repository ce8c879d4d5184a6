package plots

import (
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// multiples lays plots out in rows and columns, with data areas that are equally large and aligned.
type multiples struct {
	plots  []*plot.Plot
	titles []string
	cols   int
	width  vg.Length // of all columns with their axes
	height vg.Length // of one data area

	left, right []vg.Length // by column: room for axes beside the data area
	below       []vg.Length // by row: room for axes below the data area
	dataWidth   vg.Length
}

const panelTitle = textSize + 6 // height above a data area

// measured returns m with the room that axes take filled in.
func (m multiples) measured() multiples {
	rows := (len(m.plots) + m.cols - 1) / m.cols
	m.left, m.right, m.below = make([]vg.Length, m.cols), make([]vg.Length, m.cols), make([]vg.Length, rows)
	tile := vg.Rectangle{Max: vg.Point{X: m.width / vg.Length(m.cols), Y: m.height + 40}}
	m.dataWidth = m.width - gap*vg.Length(m.cols-1)
	for i, p := range m.plots {
		data := p.DataCanvas(draw.Canvas{Rectangle: tile})
		col, row := i%m.cols, i/m.cols
		m.left[col] = max(m.left[col], data.Min.X-tile.Min.X)
		m.right[col] = max(m.right[col], tile.Max.X-data.Max.X)
		m.below[row] = max(m.below[row], data.Min.Y-tile.Min.Y)
	}
	for col := range m.cols {
		m.dataWidth -= m.left[col] + m.right[col]
	}
	m.dataWidth /= vg.Length(m.cols)
	for _, p := range m.plots {
		x, y := p.X.Tick.Label, p.Y.Tick.Label
		p.X.Tick.Marker = uncrowded{p.X.Tick.Marker, p.X, m.dataWidth, x.Width}
		p.Y.Tick.Marker = uncrowded{p.Y.Tick.Marker, p.Y, m.height, func(string) vg.Length { return y.Font.Size }}
	}
	return m
}

// total returns the height of all rows.
func (m multiples) total() vg.Length {
	sum := gap * vg.Length(len(m.below)-1)
	for _, below := range m.below {
		sum += panelTitle + m.height + below
	}
	return sum
}

// paint draws the rows from the top of c downwards.
func (m multiples) paint(c draw.Canvas) {
	top := c.Max.Y
	for row := range m.below {
		top -= panelTitle
		x := c.Min.X
		for col := range m.cols {
			x += m.left[col]
			if i := row*m.cols + col; i < len(m.plots) {
				data := vg.Rectangle{Min: vg.Point{X: x, Y: top - m.height}, Max: vg.Point{X: x + m.dataWidth, Y: top}}
				heading := aligned(bold(lettering(textSize, ink)), draw.XCenter, draw.YBottom)
				room := m.dataWidth + m.right[col] + gap
				c.FillText(heading, vg.Point{X: x + m.dataWidth/2, Y: top + 3}, shortened(m.titles[i], heading, room))
				drawInto(m.plots[i], c, data)
			}
			x += m.dataWidth + m.right[col] + gap
		}
		top -= m.height + m.below[row] + gap
	}
}

// drawInto draws a plot so that its data area is the given rectangle. The room for the axes depends slightly on the
// size of the whole plot, so drawInto finds that size by a few corrections.
func drawInto(p *plot.Plot, c draw.Canvas, data vg.Rectangle) {
	c.Rectangle = data
	for range 6 {
		got := p.DataCanvas(c)
		c.Min.X += data.Min.X - got.Min.X
		c.Max.X += data.Max.X - got.Max.X
		c.Min.Y += data.Min.Y - got.Min.Y
		c.Max.Y += data.Max.Y - got.Max.Y
	}
	p.Draw(c)
}
