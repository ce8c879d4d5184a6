package plots

import (
	"fmt"
	"slices"
	"strings"
)

// Foretold is one block's predicted curve with its interval, and the series that were measured in that block, if any.
type Foretold struct {
	Layer                   int
	Steps, Value, Low, High []float64 // of equal length
	Measured                []Measured
}

// Measured is the series that one run measured in a block.
type Measured struct {
	Run           string
	Seed          uint64
	Steps, Values []float64
}

// Forecast is a figure of an architecture's predicted curves.
type Forecast struct {
	Name    string
	Source  string // a sentence that says what the prediction is made from
	Warning string // why the prediction must not be trusted, or ""
	Layers  []Foretold
}

// DrawForecast writes the figure f, with a panel for each block. It writes the file
// atomically, by rename; path must end in .svg or .png.
func DrawForecast(path string, f Forecast) (Drawn, error) {
	t := f.table()
	return t.drawn(path), t.write(path)
}

const bandAlpha = 0x38

func (f Forecast) table() Table {
	predicted, seen := styleOf(1), styleOf(0)
	name, runs := printable(f.Name), f.runs()
	t := Table{Title: "Forecast before training: " + name, Columns: columns(len(f.Layers)), Height: 150,
		Subtitle: "Line and band: the curve predicted from the architecture alone, and its 90 % interval.",
		Caption: fmt.Sprintf("The largest |h| over the median |h| after each block of %s, mean over probe sequences, "+
			"against training steps (log(1 + step)), predicted from the architecture alone. The band is the 90 %% interval "+
			"of each point by itself. %s", name, f.Source),
		Legend: []Entry{{Text: "predicted", Line: predicted.line(1.6, 0xFF, nil)},
			{Text: "90 % interval", Line: predicted.line(7, bandAlpha, nil)}}}
	if f.Warning != "" {
		t.Subtitle += "\n" + f.Warning
		t.Caption += " " + f.Warning
	}
	if len(runs) > 0 {
		t.Subtitle += "\nPoints: every seed's measurements in training."
		t.Caption += " Points: the measurements of the runs " + strings.Join(runs, ", ") + "."
		t.Legend = append(t.Legend, Entry{Text: "measured", Glyph: seen.marker(2.4, 0xFF)})
	} else {
		t.Caption += " No run of this architecture is in the database."
	}
	y, fill := axisOver(ratioLabel, f.values()), predicted.color.faded(bandAlpha)
	for _, l := range f.Layers {
		p := Panel{Title: fmt.Sprintf("block %d", l.Layer), X: stepAxis(stepLabel, l.Steps[len(l.Steps)-1]), Y: y}
		p.Series = []Series{{Name: "90 % interval", X: l.Steps, Low: l.Low, High: l.High, Fill: &fill}}
		for _, m := range l.Measured {
			p.Series = append(p.Series, points(fmt.Sprintf("measured, seed %d", m.Seed), m.Steps, m.Values,
				seen.marker(1.8, 0xC0)))
		}
		p.Series = append(p.Series, Series{Name: "predicted", X: l.Steps, Y: l.Value, Line: predicted.line(1.6, 0xFF, nil)})
		t.Panels = append(t.Panels, p)
	}
	return t
}

// values returns the range of the intervals and the measurements.
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

// runs lists each measured run once, as its short id and seed.
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
