package plots

import (
	"fmt"
	"math"
	"path/filepath"

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
// 2508.03616 over them, and the best family's curve where that is another. The path ends in .svg or .png.
func DrawColumns(path, title string, table []Column) error {
	encode, ok := map[string]func(Drawing) ([]byte, error){".svg": Drawing.svg, ".png": Drawing.png}[filepath.Ext(path)]
	if !ok {
		return variant.Errorf(path, "a figure's name ends in .svg or .png")
	}
	pg := page{title: printable(title), subtitle: "Points: the table. Dashed: the curve A exp(-λx) ln x + K, x = γt + t0, fitted to them.",
		cols: columns(len(table)), height: 130}
	measured, emergence, rival := styleOf(0), styleOf(1).line(1.4, 0xFF, fitDashes), styleOf(2).line(1.1, 0xFF, nil)
	beaten := false
	for k, c := range table {
		p := panel(k, len(table), pg.cols, "step", "")
		var values extent
		x, y := make([]float64, 0, len(c.Steps)), make([]float64, 0, len(c.Steps))
		for i, step := range c.Steps {
			if step < 0 {
				return variant.Errorf(c.Name, "step %g is negative: the axis is log(1 + step)", step)
			}
			if !math.IsNaN(c.Values[i]) {
				x, y = append(x, step), append(y, c.Values[i])
			}
		}
		values.add(y...)
		last := x[len(x)-1]
		scaleX(p, last)
		scaleY(p, values.lo, values.hi)
		p.Add(grid{}, marks{x: x, y: y, style: measured.marker(1.6, 0xA0), spacing: 2})
		heading := printable(c.Name)
		for rank, f := range c.Fits {
			switch {
			case f.Family == "emergence":
				heading += fmt.Sprintf(", R² %.4f", f.R2)
				addFit(p, f, x[0], last, emergence)
			case rank == 0:
				beaten = true
				heading += fmt.Sprintf(" (%s %.4f)", f.Family, f.R2)
				addFit(p, f, x[0], last, rival)
			}
		}
		pg.panels, pg.titles = append(pg.panels, p), append(pg.titles, heading)
	}
	pg.legend = []entry{{text: "measured", glyph: measured.marker(2.4, 0xFF)},
		{text: "fitted emergence curve", line: emergence}}
	if beaten {
		pg.legend = append(pg.legend, entry{text: "another family, where its AICc is smaller", line: rival})
	}
	content, err := encode(pg.drawing())
	if err == nil {
		err = writeByRename(path, content)
	}
	if err != nil {
		return fmt.Errorf("plots: drawing %s: %w", path, err)
	}
	return nil
}
