package plots

import (
	"encoding/hex"
	"fmt"
	"image/color"
)

// Table is all that a figure shows. It is made from the store, and drawn from itself alone: a table that was written as
// JSON and read again gives the same bytes of SVG and PNG.
type Table struct {
	Title    string  `json:"title"`
	Subtitle string  `json:"subtitle"` // lines that say what is seen; each is wrapped
	Caption  string  `json:"caption"`  // what is drawn, over how many seeds, from which runs
	Columns  int     `json:"columns"`  // panels side by side
	Height   float64 `json:"height"`   // of a panel's data area, in points
	Panels   []Panel `json:"panels"`
	Legend   []Entry `json:"legend,omitempty"`
	Colors   *Colors `json:"colors,omitempty"` // of the cells, shown as a bar beside the panels
}

// Panel is one pair of axes and what stands between them: the cells lowest, then a grid where there are none, the
// levels, and the series in their order.
type Panel struct {
	Title  string   `json:"title"`
	X      Axis     `json:"x"`
	Y      Axis     `json:"y"`
	Cells  []Cells  `json:"cells,omitempty"`
	Levels []Level  `json:"levels,omitempty"`
	Series []Series `json:"series,omitempty"`
	Ridges *Ridges  `json:"ridges,omitempty"` // fill a panel alone, without axes
}

// Axis is a range of numbers. A label that repeats that of the panel to the left (y) or below (x) is left out.
type Axis struct {
	Label string    `json:"label"`
	Scale Scale     `json:"scale"`
	Min   float64   `json:"min"`
	Max   float64   `json:"max"`
	Ticks []float64 `json:"ticks,omitempty"` // where not those of the scale
}

// Scale is how an axis spaces its numbers.
type Scale string

// The scales.
const (
	Linear Scale = "linear"
	Log    Scale = "log"
	Steps  Scale = "step" // by log(1 + step), so that step 0 is shown and the early steps have room
)

// Level is a horizontal line at a value that needs no training, to compare with.
type Level struct {
	Name string  `json:"name"`
	At   float64 `json:"at"`
}

// Series is a list of points in data coordinates. Of what its style sets it shows, one upon the other: the band from
// Low to High filled, a line through Y, a bar from Low to High at each point, a glyph at each point.
type Series struct {
	Name string    `json:"name"`
	X    []float64 `json:"x"` // ascending
	Y    []float64 `json:"y,omitempty"`
	Low  []float64 `json:"low,omitempty"`
	High []float64 `json:"high,omitempty"`

	Fill  *Color `json:"fill,omitempty"`
	Line  *Line  `json:"line,omitempty"`
	Bars  *Line  `json:"bars,omitempty"`
	Glyph *Glyph `json:"glyph,omitempty"`
	// Glyphs are drawn at least Spacing points apart along x, the first from Offset points on, so that those of several
	// series do not coincide.
	Spacing float64 `json:"spacing,omitempty"`
	Offset  float64 `json:"offset,omitempty"`
}

// Cells are a row of rectangles of height 1 about Y. Each reaches from its X to the next, the last to the end of the
// axis.
type Cells struct {
	Y      float64   `json:"y"`
	X      []float64 `json:"x"`
	Values []float64 `json:"values"`
}

// Colors is the scale from values to colours, logarithmic where Low is positive.
type Colors struct {
	Label string  `json:"label"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// Ridges are a landscape in oblique projection: a ridge a position, the first in front, its channels along it.
type Ridges struct {
	Heights   [][]float64 `json:"heights"` // |h| by ridge, then channel; where cells were joined, the largest of them
	Positions int         `json:"positions"`
	Channels  int         `json:"channels"` // before cells were joined
	Median    float64     `json:"median"`   // of |h|
	Top       float64     `json:"top"`      // of the scale, in medians
	Outlying  float64     `json:"outlying"` // medians above which a cell is coloured
	Color     Color       `json:"color"`
	Peak      float64     `json:"peak"` // the largest |h|, ringed
	Position  int         `json:"peak_position"`
	Channel   int         `json:"peak_channel"`
}

// Entry is one sample of a legend.
type Entry struct {
	Text  string `json:"text"`
	Line  *Line  `json:"line,omitempty"`
	Glyph *Glyph `json:"glyph,omitempty"`
}

// Line is how a line looks; lengths in points.
type Line struct {
	Color  Color     `json:"color"`
	Width  float64   `json:"width"`
	Dashes []float64 `json:"dashes,omitempty"`
}

// Glyph is how a point looks: circle, box, pyramid, cross, ring, square, triangle or plus.
type Glyph struct {
	Shape  string  `json:"shape"`
	Color  Color   `json:"color"`
	Radius float64 `json:"radius"` // in points
}

// Color is written as #rrggbbaa.
type Color color.NRGBA

// MarshalText implements encoding.TextMarshaler.
func (c Color) MarshalText() ([]byte, error) {
	return fmt.Appendf(nil, "#%02x%02x%02x%02x", c.R, c.G, c.B, c.A), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *Color) UnmarshalText(text []byte) error {
	var rgba [4]byte
	if len(text) != 9 || text[0] != '#' {
		return fmt.Errorf("plots: color %q, want #rrggbbaa", text)
	}
	if _, err := hex.Decode(rgba[:], text[1:]); err != nil {
		return fmt.Errorf("plots: color %q: %w", text, err)
	}
	*c = Color{rgba[0], rgba[1], rgba[2], rgba[3]}
	return nil
}
