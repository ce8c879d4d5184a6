package plots

import (
	"fmt"
	"maps"
	"strings"

	"github.com/outcrop-lab/outcrop/derive"
	"github.com/outcrop-lab/outcrop/fit"
)

// seedsAndMedian returns the series of all arms: a thin line for each seed, and a bold line with the arm's glyphs for
// the median.
func (e experiment) seedsAndMedian(m measured) (all []Series) {
	for i, curves := range m {
		if len(curves) == 0 {
			continue
		}
		a := e.arms[i]
		if len(curves) > 1 {
			for _, c := range curves {
				all = append(all, Series{Name: a.seed(c), X: c.steps, Y: c.values, Line: a.style.line(.6, 0x90, nil)})
			}
		}
		middle := median(curves)
		all = append(all, Series{Name: a.name + ", median", X: middle.steps, Y: middle.values,
			Line:  a.style.line(1.6, 0xFF, nil),
			Glyph: a.style.marker(2.4, 0xFF), Spacing: 26, Offset: float64(i%4) * 6})
	}
	return all
}

// seed returns the name of an arm's curve.
func (a arm) seed(c curve) string { return fmt.Sprintf("%s, seed %d", a.name, c.seed) }

// legend returns an entry for each arm that has curves.
func (e experiment) legend(m measured) (all []Entry) {
	for i, a := range e.arms {
		if len(m[i]) > 0 {
			all = append(all, Entry{Text: a.name, Line: a.style.line(1.6, 0xFF, nil), Glyph: a.style.marker(2.4, 0xFF)})
		}
	}
	return all
}

// points returns the series that shows a curve's measurements.
func points(name string, x, y []float64, glyph *Glyph) Series {
	return Series{Name: name, X: x, Y: y, Glyph: glyph}
}

// fitted returns a fitted curve from step lo to hi, split into pieces where it leaves the panel's y axis.
func fitted(name string, f fit.Result, lo, hi float64, p Panel, line *Line) (pieces []Series) {
	broken := true
	for _, t := range p.X.between(lo, hi, 400) {
		y := fit.Eval(f, t)
		if !(y >= p.Y.Min && y <= p.Y.Max) {
			broken = true
			continue
		}
		if broken {
			pieces = append(pieces, Series{Name: name + ", " + f.Family, Line: line})
			broken = false
		}
		s := &pieces[len(pieces)-1]
		s.X, s.Y = append(s.X, t), append(s.Y, y)
	}
	return pieces
}

// quantity is one panel of a figure that shows several quantities side by side, each with its own y axis.
type quantity struct {
	derive.Need
	title, label string
}

// needsOf lists the statistics that the quantities read.
func needsOf(quantities []quantity) (needs []derive.Need) {
	for _, q := range quantities {
		needs = append(needs, q.Need)
	}
	return needs
}

// sideBySide adds a panel to a table for each quantity that at least one run has. read returns the quantity's curves,
// and axes its panel without the series. sideBySide returns the runs that are drawn, and a sentence, with a space
// before it, that names what was not measured.
func (e experiment) sideBySide(t *Table, quantities []quantity, read func(quantity) (measured, error),
	axes func(quantity, measured) Panel) (has map[string]bool, lacking string, err error) {
	has = map[string]bool{}
	var missing []string
	for _, q := range quantities {
		m, err := read(q)
		if err != nil {
			return nil, "", err
		}
		shown := m.runs()
		if len(shown) == 0 {
			missing = append(missing, q.Statistic)
			continue
		}
		p := axes(q, m)
		p.Series = e.seedsAndMedian(m)
		if len(t.Panels) == 0 {
			t.Legend = e.legend(m)
		}
		t.Panels = append(t.Panels, p)
		maps.Copy(has, shown)
	}
	if len(t.Panels) == 0 {
		return nil, "", e.nothing(quantities[0].Need)
	}
	t.Columns = len(t.Panels)
	if len(missing) > 0 {
		lacking = fmt.Sprintf(" Not measured: %s.", strings.Join(missing, ", "))
	}
	return has, lacking, nil
}

// columns returns how many of n panels stand side by side.
func columns(n int) int {
	switch {
	case n <= 3:
		return n
	case n == 4:
		return 2
	}
	return 3
}
