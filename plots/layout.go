package plots

import (
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// multiples are plots in rows and columns whose data areas have one size and stand in line.
type multiples struct {
	plots  []*plot.Plot
	titles []string
	cols   int
	width  vg.Length // of all, axes included
	height vg.Length // of one data area

	left, right []vg.Length // by column: what axes take beside the data area
	below       []vg.Length // by row: what axes take below it
	dataWidth   vg.Length
}

const panelTitle = textSize + 6 // height above a data area

// measured fills in the room that axes take.
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
	return m
}

// total is the height of all rows.
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

// drawInto draws a plot so that its data area is the rectangle given. What the axes take depends a little on the size
// of the whole, so the whole is found by a few corrections.
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
