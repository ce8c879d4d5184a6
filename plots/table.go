package plots

import (
	"encoding/hex"
	"fmt"
	"image/color"
)

// Table is everything that a figure shows. The drawing depends on the table alone: a table that was written as JSON and
// read back gives the same SVG and PNG bytes.
type Table struct {
	Title    string  `json:"title"`
	Subtitle string  `json:"subtitle"` // lines that explain the figure; each is wrapped
	Caption  string  `json:"caption"`  // what is drawn, from how many seeds and which runs
	Columns  int     `json:"columns"`  // panels side by side
	Height   float64 `json:"height"`   // height of a panel's data area, in points
	Panels   []Panel `json:"panels"`
	Legend   []Entry `json:"legend,omitempty"`
	Colors   *Colors `json:"colors,omitempty"` // colour scale of the cells, shown as a bar beside the panels
}

// Panel is one pair of axes with what is drawn between them, from back to front: the cells (or a grid if there are no
// cells), the levels, and the series in their order.
type Panel struct {
	Title  string   `json:"title"`
	X      Axis     `json:"x"`
	Y      Axis     `json:"y"`
	Cells  []Cells  `json:"cells,omitempty"`
	Levels []Level  `json:"levels,omitempty"`
	Series []Series `json:"series,omitempty"`
	Ridges *Ridges  `json:"ridges,omitempty"` // if set, drawn instead of everything else, without axes
}

// Axis is a range of numbers. The label of a y axis is left out if the panel to the left has the same label, and that
// of an x axis if the panel below has the same label.
type Axis struct {
	Label string    `json:"label"`
	Scale Scale     `json:"scale"`
	Min   float64   `json:"min"`
	Max   float64   `json:"max"`
	Unit  float64   `json:"unit,omitempty"`  // of the scale Steps; 0 means 1
	Ticks []float64 `json:"ticks,omitempty"` // if set, used instead of the scale's default ticks
}

// Scale names how an axis spaces its numbers.
type Scale string

// The scales.
const (
	Linear Scale = "linear"
	Log    Scale = "log"
	Steps  Scale = "step" // log(1 + step/Unit), which shows step 0 and leaves room for the early steps
)

// Level is a horizontal line at a reference value that does not come from training.
type Level struct {
	Name string  `json:"name"`
	At   float64 `json:"at"`
}

// Series is a list of points in data coordinates. It is drawn in the styles that are set, from back to front: Fill
// fills the band from Low to High, Line draws a line through Y, Bars draws a bar from Low to High at each point, and
// Glyph draws a glyph at each point.
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
	// Neighbouring glyphs are at least Spacing points apart along x, and the first glyph is at least Offset points from
	// the left edge. Different offsets keep the glyphs of different series apart.
	Spacing float64 `json:"spacing,omitempty"`
	Offset  float64 `json:"offset,omitempty"`
}

// Cells is a row of rectangles of height 1, centred on Y. Each rectangle extends from its own X to the X of the next
// rectangle, and the last one to the end of the axis.
type Cells struct {
	Y      float64   `json:"y"`
	X      []float64 `json:"x"`
	Values []float64 `json:"values"`
}

// Colors is the scale that maps the values of cells to colours. It is logarithmic if Low is positive.
type Colors struct {
	Label string  `json:"label"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// Ridges is a landscape in oblique projection. Each ridge is a position, or several neighbouring positions merged, with
// the channels along the ridge; the first position is in front.
type Ridges struct {
	Heights   [][]float64 `json:"heights"` // |h|, [ridges][channels]; of merged cells, the largest
	Positions int         `json:"positions"`
	Channels  int         `json:"channels"` // number of channels before cells were merged
	Median    float64     `json:"median"`   // median of |h|
	Top       float64     `json:"top"`      // top of the scale, in multiples of Median
	Outlying  float64     `json:"outlying"` // a cell is coloured if it exceeds this multiple of Median
	Color     Color       `json:"color"`
	Peak      float64     `json:"peak"` // the largest |h|, marked by a ring
	Position  int         `json:"peak_position"`
	Channel   int         `json:"peak_channel"`
	Token     string      `json:"peak_token,omitempty"` // what stands at Position, escaped
}

// Entry is one sample of a legend.
type Entry struct {
	Text  string `json:"text"`
	Line  *Line  `json:"line,omitempty"`
	Glyph *Glyph `json:"glyph,omitempty"`
}

// Line is the look of a line. Lengths are in points.
type Line struct {
	Color  Color     `json:"color"`
	Width  float64   `json:"width"`
	Dashes []float64 `json:"dashes,omitempty"`
}

// Glyph is the look of a point. Shape is circle, box, pyramid, cross, ring, square, triangle or plus.
type Glyph struct {
	Shape  string  `json:"shape"`
	Color  Color   `json:"color"`
	Radius float64 `json:"radius"` // in points
}

// Color is a colour with its opacity, written as #rrggbbaa.
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
