package plots

import (
	"fmt"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg/draw"
)

// Foretold is the predicted curve of one block, with its interval, and what was measured of it, if anything.
type Foretold struct {
	Layer                   int
	Steps, Value, Low, High []float64 // of one length
	Measured                []Measured
}

// Measured is one run's series of a block.
type Measured struct {
	Run           string
	Seed          uint64
	Steps, Values []float64
}

// Forecast is a figure of an architecture's predicted curves.
type Forecast struct {
	Name    string
	Source  string // what the prediction is made from, a sentence
	Warning string // why it must not be trusted; "" if nothing is known against it
	Layers  []Foretold
}

// DrawForecast writes the figure, a panel to each block, by rename, and returns its caption. The path ends in .svg or .png.
func DrawForecast(path string, f Forecast) (string, error) {
	foretold, measured := styleOf(1), styleOf(0)
	pg := page{title: "Foretold before training: " + printable(f.Name), cols: columns(len(f.Layers)), height: 150}
	pg.subtitle = "Line and band: the curve foretold from the architecture alone, and its 90 % interval."
	if f.Warning != "" {
		pg.subtitle += "\n" + f.Warning
	}
	var values extent
	var runs []string
	for _, l := range f.Layers {
		values.add(l.Low...)
		values.add(l.High...)
		for _, m := range l.Measured {
			values.add(m.Values...)
			if run := fmt.Sprintf("%s (seed %d)", shortID(m.Run), m.Seed); !slices.Contains(runs, run) {
				runs = append(runs, run)
			}
		}
	}
	if len(runs) > 0 {
		pg.subtitle += "\nPoints: what was measured in training, every seed."
	}
	for k, l := range f.Layers {
		p := panel(k, len(f.Layers), pg.cols, stepLabel, ratioLabel)
		scaleX(p, l.Steps[len(l.Steps)-1])
		scaleY(p, values.lo, values.hi)
		p.Add(grid{}, band{l.Steps, l.Low, l.High, foretold})
		for _, m := range l.Measured {
			p.Add(marks{x: m.Steps, y: m.Values, style: measured.marker(1.8, 0xC0)})
		}
		p.Add(stroke{l.Steps, l.Value, foretold.line(1.6, 0xFF, nil)})
		pg.panels, pg.titles = append(pg.panels, p), append(pg.titles, fmt.Sprintf("block %d", l.Layer))
	}
	pg.legend = []entry{{text: "foretold", line: foretold.line(1.6, 0xFF, nil)}, {text: "90 % interval", line: foretold.line(7, bandAlpha, nil)}}
	caption := fmt.Sprintf("The mean over probe sequences of the largest |h| over the median |h| after each block of %s, against training steps "+
		"(log(1 + step)), as foretold from the architecture alone: line and 90 %% interval, point by point. %s", printable(f.Name), f.Source)
	if f.Warning != "" {
		caption += " " + f.Warning
	}
	if len(runs) > 0 {
		pg.legend = append(pg.legend, entry{text: "measured", glyph: measured.marker(2.4, 0xFF)})
		caption += " Points: the measurements of the runs " + strings.Join(runs, ", ") + "."
	} else {
		caption += " No run of this architecture is in the database."
	}
	return caption, pg.write(path)
}

const bandAlpha = 0x38

// band fills the area between two curves.
type band struct {
	x, low, high []float64
	style        armStyle
}

// Plot implements plot.Plotter.
func (b band) Plot(c draw.Canvas, p *plot.Plot) {
	outline := onCanvas(c, p, b.x, b.high)
	back := onCanvas(c, p, b.x, b.low)
	slices.Reverse(back)
	c.FillPolygon(faded(b.style.color, bandAlpha), c.ClipPolygonXY(append(outline, back...)))
}
