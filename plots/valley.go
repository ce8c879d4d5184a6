package plots

import (
	"fmt"
	"math"

	"gonum.org/v1/plot"

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
	has, lacking, err := e.quantities(&pg, e.strongest, func(q blockQuantity, curves [][]curve) *plot.Plot {
		p := panel(0, 1, 1, stepLabel, q.label) // each quantity has a y axis of its own
		var values extent
		for _, cs := range curves {
			for _, c := range cs {
				values.add(c.values...)
			}
		}
		scaleX(p, lastStep(curves))
		scaleY(p, values.lo, values.hi)
		return p
	}, func(q blockQuantity) string { return q.strongest + " " + q.title })
	if err != nil {
		return Drawing{}, "", err
	}
	return pg.drawing(), fmt.Sprintf("Against training steps (log(1 + step)), over blocks at each step: the largest norm of BOS over the mean norm of the other tokens, the smallest "+
		"matrix entropy, and the largest share of heads and sequences whose mean attention to BOS is at least .3 (arXiv 2510.06477, which sees the three appear "+
		"together); %s, thin, and their median, bold.%s %s", e.seeds(has), lacking, e.provenance(has)), nil
}

// strongest is a curve a run over steps: the largest over blocks of the mean over heads, or the smallest.
func (e experiment) strongest(a arm, q blockQuantity) ([]curve, error) {
	var all []curve
	for _, r := range a.runs {
		rows, _, err := derive.Rows(e.db, r.ID, q.need)
		if err != nil {
			return nil, err
		}
		c := curve{run: r.ID}
		for _, v := range derive.Layers(rows, q.need.Site, q.need.Statistic) {
			n := len(c.steps)
			switch {
			case math.IsNaN(v.Value):
			case n == 0 || c.steps[n-1] != float64(v.Step):
				c.steps, c.values = append(c.steps, float64(v.Step)), append(c.values, v.Value)
			case (v.Value < c.values[n-1]) == (q.strongest == "smallest"):
				c.values[n-1] = v.Value
			}
		}
		if len(c.steps) > 0 {
			all = append(all, c)
		}
	}
	return all, nil
}
