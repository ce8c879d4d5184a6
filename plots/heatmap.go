package plots

import (
	"fmt"

	"github.com/outcrop-lab/outcrop/derive"
)

// heatmap shows where and when the ratio rises: its median over seeds, steps along x and blocks along y, a panel for
// each arm.
var heatmap = figure{needs: []derive.Need{ratioMean}, table: heatmapTable}

func heatmapTable(e experiment) (Table, error) {
	m, err := e.ratios()
	if err != nil {
		return Table{}, err
	}
	layers, has := m.layers(), m.runs()
	if len(layers) == 0 {
		return Table{}, e.nothing(ratioMean)
	}
	t := Table{
		Title:    "Where and when the ratio rises: " + e.name,
		Subtitle: "Largest activation over the median one in each block's output; an arm's median over its seeds.",
		Caption: fmt.Sprintf("The largest |h| over the median |h|, mean over probe sequences, after each block (y) at each "+
			"probed step (x, log(1 + step)). The colour, on a log scale, is the median over seeds (%s). A cell extends from "+
			"its probe step to the next. %s", e.seeds(has), e.provenance(has)),
		Height: float64(60 + min(10*len(layers), 120)),
	}
	x := stepAxis(stepLabel, m.steps().hi)
	x.Max++ // gives the last cell a width
	var values extent
	for i, a := range e.arms {
		if len(m[i]) == 0 {
			continue
		}
		p := Panel{Title: a.name, X: x, Y: blockAxis(layers, .5)}
		for _, layer := range layers {
			c := median(ofLayer(m[i], layer))
			values.add(c.values...)
			p.Cells = append(p.Cells, Cells{float64(layer), c.steps, c.values})
		}
		t.Panels = append(t.Panels, p)
	}
	t.Columns = min(3, len(t.Panels))
	t.Colors = &Colors{"top-1 / median of |h|", values.lo, values.hi}
	return t, nil
}
