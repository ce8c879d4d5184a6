package plots

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/outcrop-lab/outcrop/fit"
	"github.com/outcrop-lab/outcrop/variant"
)

// Column is one series of a table, with the fits of every family, the best first (as fit.All returns them). A NaN among
// Values is left out.
type Column struct {
	Name          string
	Steps, Values []float64 // of one length; steps are not negative
	Fits          []fit.Result
}

// DrawColumns writes a figure of a table's series, a panel each, by rename: the points, the emergence curve of arXiv
// 2508.03616 over them, and every rival's curve, broken where it leaves the axis. The path ends in .svg or .png.
func DrawColumns(path, title string, table []Column) error {
	pg := page{title: printable(title), subtitle: "Points: the table. Dashed: the curve A exp(-λx) ln x + K, x = γt + t0, fitted to them. Thin: its rivals.\n" +
		"Above each panel: the emergence curve's R², and the family with the smallest AICc.",
		cols: min(2, len(table)), height: 150}
	measured, emergence, rivals := styleOf(0), styleOf(1).line(1.4, 0xFF, fitDashes), rivalStyles()
	drawn := map[string]bool{}
	for k, c := range table {
		p := panel(k, len(table), pg.cols, "step", "")
		var values extent
		x, y := make([]float64, 0, len(c.Steps)), make([]float64, 0, len(c.Steps))
		for i, step := range c.Steps {
			if step < 0 {
				return variant.Errorf(c.Name, "step %g is negative: the axis is log(1 + step)", step)
			}
			if !math.IsNaN(c.Values[i]) && !math.IsInf(c.Values[i], 0) {
				x, y = append(x, step), append(y, c.Values[i])
			}
		}
		values.add(y...)
		first, last := slices.Min(x), slices.Max(x)
		scaleX(p, last)
		scaleY(p, values.lo, values.hi)
		p.Add(grid{}, marks{x: x, y: y, style: measured.marker(1.6, 0xA0), spacing: 2})
		heading := printable(c.Name)
		var curve fit.Result
		for _, f := range c.Fits {
			if f.Family == "emergence" {
				curve = f
				continue
			}
			drawn[f.Family] = true
			addFit(p, f, first, last, rivals[f.Family])
		}
		if curve.Family != "" {
			heading += fmt.Sprintf(", R² %.4f", curve.R2)
			addFit(p, curve, first, last, emergence)
		}
		heading += "; best: " + c.Fits[0].Family
		pg.panels, pg.titles = append(pg.panels, p), append(pg.titles, heading)
	}
	pg.legend = []entry{{text: "measured", glyph: measured.marker(2.4, 0xFF)},
		{text: "emergence", line: emergence}}
	for _, family := range fit.Families() {
		if drawn[family] {
			pg.legend = append(pg.legend, entry{text: family, line: rivals[family]})
		}
	}
	return pg.write(path)
}

// write draws a page into a file that ends in .svg or .png, by rename.
func (p page) write(path string) error {
	encode, ok := map[string]func(Drawing) ([]byte, error){".svg": Drawing.svg, ".png": Drawing.png}[filepath.Ext(path)]
	if !ok {
		return variant.Errorf(path, "a figure's name ends in .svg or .png")
	}
	content, err := encode(p.drawing())
	if err == nil {
		err = writeByRename(path, content)
	}
	if err != nil {
		return fmt.Errorf("plots: drawing %s: %w", path, err)
	}
	return nil
}

// rivalStyles give a colour to each family beside the emergence curve; one that adds an offset to another has the other's
// colour, and the other is dotted.
func rivalStyles() map[string]draw.LineStyle {
	styles := map[string]draw.LineStyle{}
	colors := 2 // the first two are the points' and the emergence curve's
	families := fit.Families()
	for _, family := range families {
		if family == "emergence" || strings.HasSuffix(family, "_offset") {
			continue
		}
		s := styleOf(colors)
		colors++
		styles[family] = s.line(.9, 0xFF, nil)
		if offset := family + "_offset"; slices.Contains(families, offset) {
			styles[offset] = s.line(.9, 0xFF, nil)
			styles[family] = s.line(.9, 0xFF, []vg.Length{1, 1.5})
		}
	}
	return styles
}
