package plots

import (
	"fmt"

	"github.com/outcrop-lab/outcrop/store"
)

const (
	sinkSite      = "attn.pattern"
	sinkStatistic = "first_token_attention"
)

// sinks shows the attention sink that goes with the activation: the attention that ordinary queries pay to the first
// token, in each block's strongest head.
func sinks(db *store.DB, sweep string) (Drawing, string, error) {
	e, err := read(db, sweep)
	if err != nil {
		return Drawing{}, "", err
	}
	curves := make([][]curve, len(e.arms))
	for i, a := range e.arms {
		if curves[i], err = e.curves(a, sinkSite, sinkStatistic); err != nil {
			return Drawing{}, "", err
		}
	}
	layers := layersOf(curves)
	if len(layers) == 0 {
		return Drawing{}, "", e.nothing(sinkSite, sinkStatistic)
	}
	contexts := e.shapes(func(context, _ int) int { return context })
	pg := page{
		title:    "Attention sinks on the first token: " + e.name,
		subtitle: "Share of attention that ordinary queries pay to the first token, in each block's strongest head.\nThin: each seed; bold: an arm's median.",
		cols:     columns(len(layers)), height: 140,
	}
	for k, layer := range layers {
		p := panel(k, len(layers), pg.cols, stepLabel, "attention to the first token (share)")
		scaleX(p, lastStep(curves))
		p.Y.Min, p.Y.Max, p.Y.Tick.Marker = 0, 1, roundTicks{}
		p.Add(grid{})
		for _, t := range contexts {
			p.Add(level(uniformAttention(t)))
		}
		for i, a := range e.arms {
			if of := ofLayer(curves[i], layer); len(of) > 0 {
				addCurves(p, i, a, of)
			}
		}
		pg.panels, pg.titles = append(pg.panels, p), append(pg.titles, fmt.Sprintf("block %d", layer))
	}
	for i, a := range e.arms {
		if len(curves[i]) > 0 {
			pg.legend = append(pg.legend, a.entry(a.name))
		}
	}
	for _, t := range contexts {
		pg.legend = append(pg.legend, entry{text: fmt.Sprintf("uniform attention (%.3f)", uniformAttention(t)), line: levelStyle})
	}
	has := drawnRuns(curves)
	caption := fmt.Sprintf("Attention to the first token, averaged over ordinary queries of the probe batch, of the head where it is largest at each step, "+
		"against training steps (log(1 + step)), a panel per block; %s, thin, and their median, bold. The dotted line is what uniform attention would pay. %s",
		e.seeds(has), e.provenance(has))
	return pg.drawing(), caption, nil
}
