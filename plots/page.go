package plots

import (
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Sizes of every figure, in points. The width fills a page of text.
const (
	pageWidth  = 540
	margin     = 10
	textSize   = 8
	titleSize  = 11
	lineHeight = 11
	gap        = 14 // between panels
)

// page is a figure of small multiples: a title, lines that say what is seen, panels, and a legend below them all,
// where it can overlap nothing.
type page struct {
	title    string
	subtitle string
	cols     int
	height   vg.Length // of a panel, axes included
	panels   []*plot.Plot
	legend   []entry
	bar      *colorBar // right of the panels; may be nil
}

// entry is one line of a legend.
type entry struct {
	text  string
	line  draw.LineStyle
	glyph draw.GlyphStyle // no Shape, no glyph
}

const (
	sampleWidth = 22 // of an entry's line
	sampleSpace = 5  // between sample and text
	entrySpace  = 16 // between entries
	barWidth    = 66 // colour bar with its labels
)

// drawing lays the page out from top to bottom.
func (p page) drawing() Drawing {
	body := lettering(textSize, quiet)
	subtitle := wrapped(p.subtitle, body, pageWidth-2*margin)
	legend := flow(p.legend)
	rows := (len(p.panels) + p.cols - 1) / p.cols
	head := vg.Length(margin + titleSize + 5 + lineHeight*len(subtitle) + 6)
	foot := vg.Length(margin + lineHeight*len(legend) + 4)
	panels := vg.Length(rows)*p.height + vg.Length(rows-1)*gap
	d := Drawing{Title: p.title, Width: pageWidth, Height: head + panels + foot}
	d.Paint = func(c draw.Canvas) {
		c.SetColor(paper)
		c.Fill(c.Path())
		y := c.Max.Y - margin - titleSize
		heading := bold(lettering(titleSize, ink))
		c.FillText(heading, vg.Point{X: c.Min.X + margin, Y: y}, shortened(p.title, heading, pageWidth-2*margin))
		y -= 5
		for _, line := range subtitle {
			y -= lineHeight
			c.FillText(body, vg.Point{X: c.Min.X + margin, Y: y + 2}, line)
		}
		area := draw.Crop(c, margin, -margin, foot, -head)
		if p.bar != nil {
			p.bar.paint(draw.Crop(area, area.Max.X-area.Min.X-barWidth, 0, 0, 0))
			area.Max.X -= barWidth + gap
		}
		p.paintPanels(area, rows)
		y = c.Min.Y + foot - 4
		for _, row := range legend {
			y -= lineHeight
			paintRow(c, row, c.Min.X+margin, y)
		}
	}
	return d
}

// paintPanels draws the plots with their data areas aligned.
func (p page) paintPanels(c draw.Canvas, rows int) {
	grid := make([][]*plot.Plot, rows)
	for i := range grid {
		grid[i] = make([]*plot.Plot, p.cols)
		copy(grid[i], p.panels[i*p.cols:min((i+1)*p.cols, len(p.panels))])
	}
	tiles := draw.Tiles{Rows: rows, Cols: p.cols, PadX: gap, PadY: gap}
	for i, row := range plot.Align(grid, tiles, c) {
		for j, canvas := range row {
			if grid[i][j] != nil {
				grid[i][j].Draw(canvas)
			}
		}
	}
}

// flow breaks a legend into rows that fit the page. A text too wide for a row of its own is cut.
func flow(entries []entry) [][]entry {
	style := lettering(textSize, ink)
	var rows [][]entry
	used := vg.Length(pageWidth)
	for _, e := range entries {
		e.text = shortened(e.text, style, pageWidth-2*margin-sampleWidth-sampleSpace)
		w := e.width()
		if used+w > pageWidth-2*margin {
			rows, used = append(rows, nil), 0
		}
		rows[len(rows)-1] = append(rows[len(rows)-1], e)
		used += w + entrySpace
	}
	return rows
}

func (e entry) width() vg.Length {
	return sampleWidth + sampleSpace + lettering(textSize, ink).Width(e.text)
}

func paintRow(c draw.Canvas, row []entry, x, y vg.Length) {
	for _, e := range row {
		middle := y + textSize*.32
		if e.line.Width > 0 {
			c.StrokeLine2(e.line, x, middle, x+sampleWidth, middle)
		}
		if e.glyph.Shape != nil {
			c.DrawGlyph(e.glyph, vg.Point{X: x + sampleWidth/2, Y: middle})
		}
		c.FillText(lettering(textSize, ink), vg.Point{X: x + sampleWidth + sampleSpace, Y: y}, e.text)
		x += e.width() + entrySpace
	}
}

// panel is an empty plot in the style of all figures. Its axes have labels where the page's grid has its left and
// lower edge.
func panel(title string, index, count, cols int, xLabel, yLabel string) *plot.Plot {
	p := plot.New()
	p.BackgroundColor = nil
	p.Title.Text = title
	p.Title.TextStyle = aligned(bold(lettering(textSize, ink)), draw.XCenter, draw.YTop)
	p.Title.Padding = 3
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Label.TextStyle.Font = lettering(textSize, ink).Font
		a.Label.TextStyle.Color = ink
		a.Tick.Label.Font = lettering(textSize-1, ink).Font
		a.Tick.Label.Color = quiet
		a.LineStyle = draw.LineStyle{Color: quiet, Width: .6}
		a.Tick.LineStyle = draw.LineStyle{Color: quiet, Width: .5}
		a.Tick.Length = 4
		a.Padding = 3
	}
	if index%cols == 0 {
		p.Y.Label.Text = yLabel
	}
	if index+cols >= count {
		p.X.Label.Text = xLabel
	}
	return p
}

// columns is how many panels stand side by side.
func columns(n int) int {
	switch {
	case n <= 3:
		return n
	case n == 4:
		return 2
	}
	return 3
}
