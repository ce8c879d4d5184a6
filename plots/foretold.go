package plots

import (
	"fmt"
	"slices"
	"strings"
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

// DrawForecast writes the figure, a panel to each block, by rename, and returns its caption. The path ends in .svg or
// .png.
func DrawForecast(path string, f Forecast) (string, error) {
	t := f.table()
	return t.Caption, t.write(path)
}

const bandAlpha = 0x38

func (f Forecast) table() Table {
	foretold, seen := styleOf(1), styleOf(0)
	name, runs := printable(f.Name), f.runs()
	t := Table{Title: "Foretold before training: " + name, Columns: columns(len(f.Layers)), Height: 150,
		Subtitle: "Line and band: the curve foretold from the architecture alone, and its 90 % interval.",
		Caption: fmt.Sprintf("The mean over probe sequences of the largest |h| over the median |h| after each block of "+
			"%s, against training steps (log(1 + step)), as foretold from the architecture alone: line and 90 %% interval, "+
			"point by point. %s", name,
			f.Source),
		Legend: []Entry{{Text: "foretold", Line: foretold.line(1.6, 0xFF, nil)},
			{Text: "90 % interval", Line: foretold.line(7, bandAlpha, nil)}}}
	if f.Warning != "" {
		t.Subtitle += "\n" + f.Warning
		t.Caption += " " + f.Warning
	}
	if len(runs) > 0 {
		t.Subtitle += "\nPoints: what was measured in training, every seed."
		t.Caption += " Points: the measurements of the runs " + strings.Join(runs, ", ") + "."
		t.Legend = append(t.Legend, Entry{Text: "measured", Glyph: seen.marker(2.4, 0xFF)})
	} else {
		t.Caption += " No run of this architecture is in the database."
	}
	y, fill := axisOver(ratioLabel, f.values()), foretold.color.faded(bandAlpha)
	for _, l := range f.Layers {
		p := Panel{Title: fmt.Sprintf("block %d", l.Layer), X: stepAxis(stepLabel, l.Steps[len(l.Steps)-1]), Y: y}
		p.Series = []Series{{Name: "90 % interval", X: l.Steps, Low: l.Low, High: l.High, Fill: &fill}}
		for _, m := range l.Measured {
			p.Series = append(p.Series, points(fmt.Sprintf("measured, seed %d", m.Seed), m.Steps, m.Values,
				seen.marker(1.8, 0xC0)))
		}
		p.Series = append(p.Series, Series{Name: "foretold", X: l.Steps, Y: l.Value, Line: foretold.line(1.6, 0xFF, nil)})
		t.Panels = append(t.Panels, p)
	}
	return t
}

// values is the range of the intervals and of what was measured.
func (f Forecast) values() (e extent) {
	for _, l := range f.Layers {
		e.add(l.Low...)
		e.add(l.High...)
		for _, m := range l.Measured {
			e.add(m.Values...)
		}
	}
	return e
}

// runs names each run that was measured, once.
func (f Forecast) runs() (all []string) {
	for _, l := range f.Layers {
		for _, m := range l.Measured {
			if run := fmt.Sprintf("%s (seed %d)", ShortID(m.Run), m.Seed); !slices.Contains(all, run) {
				all = append(all, run)
			}
		}
	}
	return all
}
