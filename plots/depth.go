package plots

import (
	"fmt"
	"maps"
	"math"
	"strings"

	"gonum.org/v1/plot"

	"github.com/outcrop-lab/outcrop/derive"
	"github.com/outcrop-lab/outcrop/store"
)

// blockQuantity is a quantity that each block has.
type blockQuantity struct {
	need         derive.Need
	title, label string
	strongest    string // over blocks: "largest" or "smallest"
}

// overBlocks are the three quantities that arXiv 2510.06477 follows over depth and over training.
var overBlocks = []blockQuantity{
	{derive.Need{Site: "resid_post", Statistic: "bos_norm_ratio"}, "BOS norm", "norm of BOS over the others' (ratio)", "largest"},
	{derive.Need{Site: "resid_post", Statistic: "matrix_entropy"}, "matrix entropy", "entropy of the spectrum (bits)", "smallest"},
	{derive.Need{Site: sinkSite, Statistic: "sink_rate"}, "sink rate", "sink rate, mean over heads (share)", "largest"},
}

// depth shows what arXiv 2510.06477 sees over depth: where the BOS norm is large entropy is low and attention sinks, at
// the last measured step.
func depth(db *store.DB, sweep string) (Drawing, string, error) {
	e, err := read(db, sweep)
	if err != nil {
		return Drawing{}, "", err
	}
	pg := page{
		title:    "Over depth, at the last step: " + e.name,
		subtitle: "In each block's output and attention. Thin: each seed; bold: an arm's median.",
		height:   140,
	}
	has, lacking, err := e.quantities(&pg, e.overDepth, func(q blockQuantity, curves [][]curve) *plot.Plot {
		p := panel(0, 1, 1, "block", q.label) // each quantity has a y axis of its own
		var blocks, values extent
		for _, cs := range curves {
			for _, c := range cs {
				blocks.add(c.steps...)
				values.add(c.values...)
			}
		}
		if q.need.Statistic == "matrix_entropy" {
			for _, n := range e.shapes(func(context, width int) int { return min(context, width) }) {
				values.add(math.Log2(float64(n)))
				p.Add(level(math.Log2(float64(n))))
			}
		}
		scaleY(p, values.lo, values.hi)
		p.X.Min, p.X.Max, p.X.Tick.Marker = blocks.lo-.2, blocks.hi+.2, blockTicks(span(int(blocks.lo), int(blocks.hi)))
		return p
	}, func(q blockQuantity) string { return q.title })
	if err != nil {
		return Drawing{}, "", err
	}
	return pg.drawing(), fmt.Sprintf("Block by block at the last step at which each was measured: the norm of BOS over the mean norm of the other tokens; the matrix entropy of a "+
		"sequence's activations, whose largest value is dotted; the share of heads and sequences whose mean attention to BOS is at least .3 "+
		"(arXiv 2510.06477); %s, thin, and their median, bold.%s %s", e.seeds(has), lacking, e.provenance(has)), nil
}

// quantities fills a page with a panel for each of overBlocks that some run has; curvesOf gives an arm's curves, axes an empty
// panel for those of all arms. It returns the runs that are drawn, and a sentence on what was not measured.
func (e experiment) quantities(pg *page, curvesOf func(arm, blockQuantity) ([]curve, error), axes func(blockQuantity, [][]curve) *plot.Plot, title func(blockQuantity) string) (has map[string]bool, lacking string, err error) {
	has = map[string]bool{}
	var missing []string
	for _, q := range overBlocks {
		curves := make([][]curve, len(e.arms))
		for i, a := range e.arms {
			if curves[i], err = curvesOf(a, q); err != nil {
				return nil, "", err
			}
		}
		shown := drawnRuns(curves)
		if len(shown) == 0 {
			missing = append(missing, q.need.Statistic)
			continue
		}
		p := axes(q, curves)
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
		maps.Copy(has, shown)
		pg.panels, pg.titles = append(pg.panels, p), append(pg.titles, title(q))
	}
	if len(pg.panels) == 0 {
		return nil, "", e.nothing(overBlocks[0].need.Site, overBlocks[0].need.Statistic)
	}
	pg.cols = len(pg.panels)
	if len(missing) > 0 {
		lacking = fmt.Sprintf(" Not measured: %s.", strings.Join(missing, ", "))
	}
	return has, lacking, nil
}

// overDepth is a curve a run whose steps are blocks: the mean over heads of a statistic at the last step that has it.
func (e experiment) overDepth(a arm, q blockQuantity) ([]curve, error) {
	var all []curve
	for _, r := range a.runs {
		rows, _, err := derive.Rows(e.db, r.ID, q.need)
		if err != nil {
			return nil, err
		}
		values := derive.Layers(rows, q.need.Site, q.need.Statistic)
		c := curve{run: r.ID}
		for _, v := range values {
			if v.Step == values[len(values)-1].Step && !math.IsNaN(v.Value) {
				c.steps, c.values = append(c.steps, float64(v.Layer)), append(c.values, v.Value)
			}
		}
		if len(c.steps) > 0 {
			all = append(all, c)
		}
	}
	return all, nil
}

// span lists the integers from lo to hi.
func span(lo, hi int) []int {
	var all []int
	for i := lo; i <= hi; i++ {
		all = append(all, i)
	}
	return all
}
