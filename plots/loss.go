package plots

import (
	"fmt"

	"github.com/outcrop-lab/outcrop/store"
)

const runSite = "run"

// loss shows what the arms learn: the held-out loss, and on a chain that knows its own floors the two risks of
// arXiv 2410.13835.
func loss(db *store.DB, sweep string) (Drawing, string, error) {
	e, err := read(db, sweep)
	if err != nil {
		return Drawing{}, "", err
	}
	metrics := []struct{ statistic, title, label string }{
		{"heldout_loss", "held-out loss", "held-out loss (nats/token)"},
		{"backcopy_risk", "backcopy risk", "backcopy risk (nats/token)"},
		{"bigram_risk", "bigram risk", "excess over the floor (nats/token)"},
	}
	var shown [][][]curve
	var kept []int
	for k, m := range metrics {
		curves := make([][]curve, len(e.arms))
		for i, a := range e.arms {
			if curves[i], err = e.curves(a, runSite, m.statistic); err != nil {
				return Drawing{}, "", err
			}
		}
		if len(layersOf(curves)) > 0 {
			shown, kept = append(shown, curves), append(kept, k)
		}
	}
	if len(shown) == 0 {
		return Drawing{}, "", e.nothing(runSite, metrics[0].statistic)
	}

	pg := page{
		title:    "What the arms learn: " + e.name,
		subtitle: "On held-out sequences. Thin: each seed; bold: an arm's median.",
		cols:     len(shown), height: 140,
	}
	what := ""
	for k, curves := range shown {
		m := metrics[kept[k]]
		p := panel(0, 1, 1, stepLabel, m.label) // each quantity has a y axis of its own
		var values extent
		for _, cs := range curves {
			for _, c := range cs {
				values.add(c.values...)
			}
		}
		scaleX(p, lastStep(curves))
		scaleY(p, values.lo, values.hi)
		p.Add(grid{})
		for i, a := range e.arms {
			if len(curves[i]) > 0 {
				addCurves(p, i, a, curves[i])
			}
		}
		pg.panels, pg.titles = append(pg.panels, p), append(pg.titles, m.title)
		if k > 0 {
			what += ", "
		}
		what += m.title
	}
	for i, a := range e.arms {
		if len(shown[0][i]) > 0 {
			pg.legend = append(pg.legend, a.entry(a.name))
		}
	}
	has := drawnRuns(shown...)
	caption := fmt.Sprintf("On held-out sequences, in nats per token, against training steps (log(1 + step)): %s; %s, thin, and their median, bold. ", what, e.seeds(has))
	if len(shown) > 1 {
		caption += "Backcopy risk is the loss on the queries after which the next token is certain; bigram risk is the cross-entropy to the chain's " +
			"true next-token distribution less that distribution's entropy, on ordinary queries (arXiv 2410.13835). Both have the floor 0. "
	}
	return pg.drawing(), caption + e.provenance(has), nil
}
