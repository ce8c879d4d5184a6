package plots

import (
	"strings"

	"golang.org/x/image/font/sfnt"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/vgimg"
)

// raised draws 10^6 with the 6 smaller and raised: the font lacks some of the raised digits.
type raised struct{ text.Handler }

const (
	raisedSize = .75 // of the text's size
	raisedBy   = .22
)

// Box implements text.Handler.
func (r raised) Box(s string, f font.Font) (width, height, depth vg.Length) {
	base, power, _ := strings.Cut(s, "^")
	width, height, depth = r.Handler.Box(base, f)
	if power != "" {
		small := f
		small.Size *= raisedSize
		more, _, _ := r.Handler.Box(power, small)
		width += more
	}
	return width, height, depth
}

// Draw implements text.Handler.
func (r raised) Draw(c vg.Canvas, s string, style text.Style, at vg.Point) {
	base, power, ok := strings.Cut(s, "^")
	if !ok {
		r.Handler.Draw(c, s, style, at)
		return
	}
	width, _, _ := r.Box(s, style.Font)
	at.X += width * vg.Length(style.XAlign)
	style.XAlign = text.XLeft
	r.Handler.Draw(c, base, style, at)
	at.X += style.Width(base)
	// The handler places a baseline by the font's size.
	place := func(f font.Font) vg.Length {
		return style.Height(base)*vg.Length(style.YAlign) - r.Extents(f).Ascent + f.Size
	}
	small := style
	small.Font.Size *= raisedSize
	at.Y += place(style.Font) - place(small.Font) + raisedBy*style.Font.Size
	r.Handler.Draw(c, power, small, at)
}

// box stands in a PNG for a character that the font lacks.
const box = '□'

// boxing is a bitmap that draws a box for each character that the font lacks. In an SVG, a viewer takes it from a font
// of its own.
type boxing struct{ *vgimg.Canvas }

// FillString implements vg.Canvas.
func (b boxing) FillString(face font.Face, at vg.Point, s string) {
	var buffer sfnt.Buffer
	b.Canvas.FillString(face, at, strings.Map(func(r rune) rune {
		if has(face, &buffer, r) {
			return r
		}
		return box
	}, s))
}

func has(face font.Face, buffer *sfnt.Buffer, r rune) bool {
	i, err := face.Face.GlyphIndex(buffer, r)
	return err == nil && i != 0
}

// lost returns the characters in a table's texts that the font lacks, each once.
func (t Table) lost() string {
	texts := []string{t.Title, t.Subtitle}
	for _, p := range t.Panels {
		texts = append(texts, p.Title, p.X.Label, p.Y.Label)
	}
	for _, e := range t.Legend {
		texts = append(texts, e.Text)
	}
	style := lettering(textSize, ink)
	face := style.Handler.Cache().Lookup(style.Font, style.Font.Size)
	var buffer sfnt.Buffer
	lost := ""
	for _, r := range strings.Join(texts, "") {
		if r != '\n' && !strings.ContainsRune(lost, r) && !has(face, &buffer, r) {
			lost += string(r)
		}
	}
	return lost
}

// Drawn is a figure that was written.
type Drawn struct {
	Paths   []string
	Caption string
	Warning string // says which characters the figure's font lacks, or is empty
}

func (t Table) drawn(paths ...string) Drawn {
	d := Drawn{Paths: paths, Caption: t.Caption}
	if lost := t.lost(); lost != "" {
		d.Warning = "the font of figures has no " + strings.Join(strings.Split(lost, ""), " ") +
			": a PNG shows a box for it, and an SVG what a font of its viewer has"
	}
	return d
}
