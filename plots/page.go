package plots

import (
	"strings"

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
	gap        = 8 // between panels
)

// page is a figure of small multiples: a title, lines that say what is seen, panels, and a legend below them all,
// where it can overlap nothing.
type page struct {
	title    string
	subtitle string // its lines are wrapped
	cols     int
	height   vg.Length // of a panel's data area
	panels   []*plot.Plot
	titles   []string // of the panels
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
	barWidth    = 56 // colour bar with its labels
)

// drawing lays the page out from top to bottom.
func (p page) drawing() Drawing {
	body := lettering(textSize, quiet)
	var subtitle []string
	for _, line := range strings.Split(p.subtitle, "\n") {
		subtitle = append(subtitle, wrapped(line, body, pageWidth-2*margin)...)
	}
	legend := flow(p.legend)
	m := multiples{plots: p.panels, titles: p.titles, cols: p.cols, width: pageWidth - 2*margin, height: p.height}
	if p.bar != nil {
		m.width -= barWidth + gap
	}
	m = m.measured()
	head := vg.Length(margin + titleSize + 5 + lineHeight*len(subtitle) + 4)
	foot := vg.Length(margin + lineHeight*len(legend))
	if len(legend) > 0 {
		foot += 6
	}
	d := Drawing{Title: p.title, Width: pageWidth, Height: head + m.total() + foot}
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
		m.paint(area)
		if p.bar != nil {
			height := min(m.total()-panelTitle-m.below[len(m.below)-1], 180)
			p.bar.paint(c, vg.Point{X: area.Max.X - barWidth, Y: area.Max.Y - panelTitle - height}, height)
		}
		y = c.Min.Y + foot - 6
		for _, row := range legend {
			y -= lineHeight
			paintRow(c, row, c.Min.X+margin, y+2)
		}
	}
	return d
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
func panel(index, count, cols int, xLabel, yLabel string) *plot.Plot {
	p := plot.New()
	p.BackgroundColor = nil
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
