package plots

import (
	"fmt"
	"math"
	"strings"

	"github.com/outcrop-lab/outcrop/derive"
	"github.com/outcrop-lab/outcrop/store"
)

// valley shows whether the large BOS norm, the valley of entropy and the sinks appear together in training, as
// arXiv 2510.06477 has it: each in the block where it is strongest at that step.
func valley(db *store.DB, sweep string) (Drawing, string, error) {
	e, err := read(db, sweep)
	if err != nil {
		return Drawing{}, "", err
	}
	pg := page{
		title:    "Sinks and the valley of entropy in training: " + e.name,
		subtitle: "Each in the block where it is strongest at that step. Thin: each seed; bold: an arm's median.",
		height:   140,
	}
	strongest := []string{"largest ", "smallest ", "largest "}
	has := map[string]bool{}
	var lacking []string
	for k, q := range overBlocks {
		curves := make([][]curve, len(e.arms))
		var values extent
		for i, a := range e.arms {
			if curves[i], err = e.strongest(a, q.need, strongest[k] == "smallest "); err != nil {
				return Drawing{}, "", err
			}
			for _, c := range curves[i] {
				values.add(c.values...)
			}
		}
		shown := drawnRuns(curves)
		if len(shown) == 0 {
			lacking = append(lacking, q.need.Statistic)
			continue
		}
		p := panel(0, 1, 1, stepLabel, q.label) // each quantity has a y axis of its own
		scaleX(p, lastStep(curves))
		scaleY(p, values.lo, values.hi)
		if q.need.Site == sinkSite {
			p.Y.Min, p.Y.Max, p.Y.Tick.Marker = 0, 1, roundTicks{}
		}
		p.Add(grid{})
		for i, a := range e.arms {
			if len(curves[i]) == 0 {
				continue
			}
			addCurves(p, i, a, curves[i])
			if len(has) == 0 {
				pg.legend = append(pg.legend, a.entry(a.name))
			}
		}
		for run := range shown {
			has[run] = true
		}
		pg.panels, pg.titles = append(pg.panels, p), append(pg.titles, strongest[k]+q.title)
	}
	if len(pg.panels) == 0 {
		return Drawing{}, "", e.nothing(overBlocks[0].need.Site, overBlocks[0].need.Statistic)
	}
	pg.cols = len(pg.panels)
	caption := fmt.Sprintf("Against training steps (log(1 + step)), over blocks at each step: the largest norm of BOS over the mean norm of the other tokens, the smallest "+
		"matrix entropy, and the largest share of heads and sequences whose mean attention to BOS is at least .3 (arXiv 2510.06477, which sees the three appear "+
		"together); %s, thin, and their median, bold.", e.seeds(has))
	if len(lacking) > 0 {
		caption += fmt.Sprintf(" Not measured: %s.", strings.Join(lacking, ", "))
	}
	return pg.drawing(), caption + " " + e.provenance(has), nil
}

// strongest is a curve a run over steps: the largest over blocks of the mean over heads, or the smallest.
func (e experiment) strongest(a arm, need derive.Need, smallest bool) ([]curve, error) {
	var all []curve
	for _, r := range a.runs {
		rows, _, err := derive.Rows(e.db, r.ID, need)
		if err != nil {
			return nil, err
		}
		c := curve{run: r.ID}
		for _, v := range derive.Layers(rows, need.Site, need.Statistic) {
			n := len(c.steps)
			switch {
			case math.IsNaN(v.Value):
			case n == 0 || c.steps[n-1] != float64(v.Step):
				c.steps, c.values = append(c.steps, float64(v.Step)), append(c.values, v.Value)
			case (v.Value < c.values[n-1]) == smallest:
				c.values[n-1] = v.Value
			}
		}
		if len(c.steps) > 0 {
			all = append(all, c)
		}
	}
	return all, nil
}
