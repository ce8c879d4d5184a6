package plots

import (
	"image/color"
	"sort"
	"strings"
	"unicode"

	"golang.org/x/image/font"
	"gonum.org/v1/plot"
	plotfont "gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// armColors are the colours of Okabe and Ito, which colour-blind readers can tell apart, without the yellow, which is
// too pale on white.
var armColors = []Color{
	{0x00, 0x72, 0xB2, 0xFF}, // blue
	{0xD5, 0x5E, 0x00, 0xFF}, // vermillion
	{0x00, 0x9E, 0x73, 0xFF}, // bluish green
	{0xCC, 0x79, 0xA7, 0xFF}, // reddish purple
	{0xE6, 0x9F, 0x00, 0xFF}, // orange
	{0x56, 0xB4, 0xE9, 0xFF}, // sky blue
	{0x00, 0x00, 0x00, 0xFF}, // black
}

// armGlyphs distinguish arms in grey print. Eight glyphs and seven colours have no common factor, so that 56 arms look
// different.
var armGlyphs = []string{"circle", "box", "pyramid", "cross", "ring", "square", "triangle", "plus"}

var shapes = map[string]draw.GlyphDrawer{
	"circle": draw.CircleGlyph{}, "box": draw.BoxGlyph{}, "pyramid": draw.PyramidGlyph{}, "cross": draw.CrossGlyph{},
	"ring": draw.RingGlyph{}, "square": draw.SquareGlyph{}, "triangle": draw.TriangleGlyph{}, "plus": draw.PlusGlyph{},
}

var (
	ink   = Color{0x22, 0x22, 0x22, 0xFF}
	quiet = Color{0x66, 0x66, 0x66, 0xFF}
	faint = Color{0xE6, 0xE6, 0xE6, 0xFF}
	paper = Color{0xFF, 0xFF, 0xFF, 0xFF}
)

// fitDashes is the dash pattern that means "fitted" in every figure.
var fitDashes = []float64{4, 2.5}

// armStyle is an arm's look in every figure. It depends on the arm's place in the sweep.
type armStyle struct {
	color Color
	shape string
}

func styleOf(arm int) armStyle {
	return armStyle{armColors[arm%len(armColors)], armGlyphs[arm%len(armGlyphs)]}
}

func (s armStyle) line(width float64, alpha uint8, dashes []float64) *Line {
	return &Line{s.color.faded(alpha), width, dashes}
}

func (s armStyle) marker(radius float64, alpha uint8) *Glyph {
	return &Glyph{s.shape, s.color.faded(alpha), radius}
}

func (c Color) faded(alpha uint8) Color {
	c.A = alpha
	return c
}

// style returns the line in the plot library's form.
func (l Line) style() draw.LineStyle {
	style := draw.LineStyle{Color: color.NRGBA(l.Color), Width: vg.Length(l.Width)}
	for _, d := range l.Dashes {
		style.Dashes = append(style.Dashes, vg.Length(d))
	}
	return style
}

func (g Glyph) style() draw.GlyphStyle {
	return draw.GlyphStyle{Color: color.NRGBA(g.Color), Radius: vg.Length(g.Radius), Shape: shapes[g.Shape]}
}

// lettering returns Liberation Sans in the given size in points, anchored at the left end of the baseline.
func lettering(size vg.Length, c Color) text.Style {
	return text.Style{
		Color:   color.NRGBA(c),
		Font:    plotfont.Font{Typeface: "Liberation", Variant: "Sans", Size: size},
		Handler: plot.DefaultTextHandler,
	}
}

func bold(s text.Style) text.Style {
	s.Font.Weight = font.WeightBold
	return s
}

func aligned(s text.Style, x text.XAlignment, y text.YAlignment) text.Style {
	s.XAlign, s.YAlign = x, y
	return s
}

// printable makes a name safe to draw on one line: it replaces characters that cannot be printed with a dot.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) && r != unicode.ReplacementChar {
			return r
		}
		return '·'
	}, s)
}

// shortened cuts a text that is wider than width and ends it with an ellipsis.
func shortened(s string, style text.Style, width vg.Length) string {
	runes := []rune(s)
	if len(runes) <= mostShown && style.Width(s) <= width {
		return s
	}
	runes = runes[:min(len(runes), mostShown)]
	kept := sort.Search(len(runes), func(n int) bool { return style.Width(string(runes[:n+1])+"…") > width })
	return string(runes[:kept]) + "…"
}

// mostShown is the largest number of characters of a text that are measured: no figure has room for more.
const mostShown = 1000

// wrapped breaks a text at spaces into lines that are at most width wide.
func wrapped(s string, style text.Style, width vg.Length) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(s) {
		longer := strings.TrimSpace(line + " " + word)
		if line != "" && style.Width(longer) > width {
			lines = append(lines, line)
			longer = word
		}
		line = longer
	}
	if line == "" {
		return lines
	}
	return append(lines, shortened(line, style, width))
}
