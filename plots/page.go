package plots

import (
	"image/color"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// The sizes of every figure, in points. The width fills a page of text.
const (
	pageWidth  = 540
	margin     = 10
	textSize   = 8
	titleSize  = 11
	lineHeight = 11
	gap        = 8 // between panels
)

const (
	sampleWidth = 22 // of an entry's line
	sampleSpace = 5  // between sample and text
	entrySpace  = 16 // between entries
	barWidth    = 56 // of the colour bar with its labels
	axisRoom    = 40 // for the y axis of a panel
)

// drawing lays the table out from top to bottom: the title, the subtitle's lines, the panels, and the legend, which
// stands below the panels so that it overlaps nothing.
func (t Table) drawing() drawing {
	body := lettering(textSize, quiet)
	var subtitle []string
	for _, line := range strings.Split(t.Subtitle, "\n") {
		subtitle = append(subtitle, wrapped(line, body, pageWidth-2*margin)...)
	}
	legend := flow(t.Legend)
	m := multiples{cols: t.Columns, width: pageWidth - 2*margin, height: vg.Length(t.Height)}
	for i, p := range t.Panels {
		m.plots, m.titles = append(m.plots, t.plot(i)), append(m.titles, p.Title)
	}
	if t.Colors != nil {
		m.width -= barWidth + gap
	}
	m = m.measured()
	head := vg.Length(margin + titleSize + 5 + lineHeight*len(subtitle) + 4)
	foot := vg.Length(margin + lineHeight*len(legend))
	if len(legend) > 0 {
		foot += 6
	}
	d := drawing{title: t.Title, width: pageWidth, height: head + m.total() + foot}
	d.paint = func(c draw.Canvas) {
		c.SetColor(color.NRGBA(paper))
		c.Fill(c.Path())
		y := c.Max.Y - margin - titleSize
		heading := bold(lettering(titleSize, ink))
		c.FillText(heading, vg.Point{X: c.Min.X + margin, Y: y}, shortened(t.Title, heading, pageWidth-2*margin))
		y -= 5
		for _, line := range subtitle {
			y -= lineHeight
			c.FillText(body, vg.Point{X: c.Min.X + margin, Y: y + 2}, line)
		}
		area := draw.Crop(c, margin, -margin, foot, -head)
		m.paint(area)
		if t.Colors != nil {
			height := min(m.total()-panelTitle-m.below[len(m.below)-1], 180)
			t.Colors.paint(c, vg.Point{X: area.Max.X - barWidth, Y: area.Max.Y - panelTitle - height}, height)
		}
		y = c.Min.Y + foot - 6
		for _, row := range legend {
			y -= lineHeight
			paintRow(c, row, c.Min.X+margin, y+2)
		}
	}
	return d
}

// flow breaks a legend into rows that fit the page. It cuts a text that is too wide for a row of its own.
func flow(entries []Entry) [][]Entry {
	style := lettering(textSize, ink)
	var rows [][]Entry
	used := vg.Length(pageWidth)
	for _, e := range entries {
		e.Text = shortened(e.Text, style, pageWidth-2*margin-sampleWidth-sampleSpace)
		w := e.width()
		if used+w > pageWidth-2*margin {
			rows, used = append(rows, nil), 0
		}
		rows[len(rows)-1] = append(rows[len(rows)-1], e)
		used += w + entrySpace
	}
	return rows
}

func (e Entry) width() vg.Length {
	return sampleWidth + sampleSpace + lettering(textSize, ink).Width(e.Text)
}

func paintRow(c draw.Canvas, row []Entry, x, y vg.Length) {
	for _, e := range row {
		middle := y + textSize*.32
		if e.Line != nil {
			c.StrokeLine2(e.Line.style(), x, middle, x+sampleWidth, middle)
		}
		if e.Glyph != nil {
			c.DrawGlyph(e.Glyph.style(), vg.Point{X: x + sampleWidth/2, Y: middle})
		}
		c.FillText(lettering(textSize, ink), vg.Point{X: x + sampleWidth + sampleSpace, Y: y}, e.Text)
		x += e.width() + entrySpace
	}
}

// plot returns the i-th panel as a plot in the style of all figures.
func (t Table) plot(i int) *plot.Plot {
	panel := t.Panels[i]
	p := plot.New()
	p.BackgroundColor = nil
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Label.TextStyle.Font = lettering(textSize, ink).Font
		a.Label.TextStyle.Color = color.NRGBA(ink)
		a.Tick.Label.Font = lettering(textSize-1, ink).Font
		a.Tick.Label.Color = color.NRGBA(quiet)
		a.Tick.Label.Handler = raised{a.Tick.Label.Handler}
		a.LineStyle = Line{Color: quiet, Width: .6}.style()
		a.Tick.LineStyle = Line{Color: quiet, Width: .5}.style()
		a.Tick.Length = 4
		a.Padding = 3
	}
	if panel.Ridges != nil {
		p.HideAxes()
		p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, 1, 0, 1
		p.Add(*panel.Ridges)
		return p
	}
	panel.X.apply(&p.X)
	panel.Y.apply(&p.Y)
	if i%t.Columns == 0 || t.Panels[i-1].Y.Label != panel.Y.Label {
		p.Y.Label.Text = shortened(panel.Y.Label, p.Y.Label.TextStyle, vg.Length(t.Height))
	}
	if below := i + t.Columns; below >= len(t.Panels) || t.Panels[below].X.Label != panel.X.Label {
		width := vg.Length(pageWidth-2*margin)/vg.Length(t.Columns) - 2*axisRoom
		p.X.Label.Text = shortened(panel.X.Label, p.X.Label.TextStyle, width)
	}
	if len(panel.Cells) > 0 {
		p.Add(cells{panel.Cells, *t.Colors})
	} else {
		p.Add(grid{})
	}
	for _, l := range panel.Levels {
		p.Add(l)
	}
	for _, s := range panel.Series {
		p.Add(s)
	}
	return p
}
