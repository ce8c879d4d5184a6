package plots

import (
	"fmt"

	"github.com/outcrop-lab/outcrop/derive"
	"github.com/outcrop-lab/outcrop/store"
)

// stability shows when the places settle: the share of sequences whose largest activation stands where it stood at the
// measured step before.
func stability(db *store.DB, sweep string) (Drawing, string, error) {
	e, err := read(db, sweep)
	if err != nil {
		return Drawing{}, "", err
	}
	places := []struct {
		need  derive.Need
		title string
	}{
		{derive.Need{Site: "resid_post", Statistic: "top1_channel"}, "channel of the largest |h|"},
		{derive.Need{Site: "resid_post", Statistic: "top1_position"}, "position of the largest |h|"},
		{derive.Need{Site: "attn.pattern", Statistic: "sink_position"}, "position of the sink"},
	}
	pg := page{
		title: "When the places settle: " + e.name,
		subtitle: "Share of probe sequences (of heads, for the sink) with the same place as at the measured step before, mean over blocks.\n" +
			"Thin: each seed; bold: an arm's median.",
		height: 140,
	}
	var shown [][][]curve
	for _, place := range places {
		curves := make([][]curve, len(e.arms))
		for i, a := range e.arms {
			for _, r := range a.runs {
				rows, _, err := derive.Rows(db, r.ID, place.need)
				if err != nil {
					return Drawing{}, "", err
				}
				c := curve{run: r.ID}
				for _, v := range derive.OverLayers(derive.Stability(rows, place.need.Site, place.need.Statistic)) {
					c.steps, c.values = append(c.steps, float64(v.Step)), append(c.values, v.Value)
				}
				if len(c.steps) > 0 {
					curves[i] = append(curves[i], c)
				}
			}
		}
		if len(drawnRuns(curves)) > 0 {
			shown, pg.titles = append(shown, curves), append(pg.titles, place.title)
		}
	}
	if len(shown) == 0 {
		return Drawing{}, "", e.nothing(places[0].need.Site, places[0].need.Statistic)
	}
	pg.cols = len(shown)
	for k, curves := range shown {
		p := panel(k, len(shown), pg.cols, stepLabel, "same place as before (share)")
		scaleX(p, lastStep(curves))
		p.Y.Min, p.Y.Max, p.Y.Tick.Marker = 0, 1, roundTicks{}
		p.Add(grid{})
		for i, a := range e.arms {
			if len(curves[i]) > 0 {
				addCurves(p, i, a, curves[i])
			}
		}
		pg.panels = append(pg.panels, p)
	}
	has := drawnRuns(shown...)
	for i, a := range e.arms {
		if len(shown[0][i]) > 0 {
			pg.legend = append(pg.legend, a.entry(a.name))
		}
	}
	caption := fmt.Sprintf("Where the largest |h| of each probe sequence stands after each block, by channel and by position: the share of sequences in which it is "+
		"where it was at the measured step before, mean over blocks, against training steps (log(1 + step)); a sink's position is each head's. "+
		"1 means that no place moved; %s, thin, and their median, bold. %s", e.seeds(has), e.provenance(has))
	return pg.drawing(), caption, nil
}
