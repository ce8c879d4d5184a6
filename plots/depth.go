package plots

import (
	"fmt"
	"math"

	"github.com/outcrop-lab/outcrop/derive"
)

// overBlocks are the three quantities that arXiv 2510.06477 follows over depth and over training.
var overBlocks = []quantity{
	{derive.Need{Site: "resid_post", Statistic: "bos_norm_ratio"}, "BOS norm", "norm of BOS over the others' (ratio)"},
	{derive.Need{Site: "resid_post", Statistic: "matrix_entropy"}, "matrix entropy", "entropy of the spectrum (bits)"},
	{derive.Need{Site: sinkSite, Statistic: "sink_rate"}, "sink rate", "sink rate, mean over heads (share)"},
}

// depth shows at the last measured step what arXiv 2510.06477 reports over depth: in blocks with a large BOS norm,
// entropy is low and attention has sinks.
var depth = figure{needs: needsOf(overBlocks), table: depthTable}

func depthTable(e experiment) (Table, error) {
	t := Table{
		Title:    "Over depth, at the last step: " + e.name,
		Subtitle: "In each block's output and attention. Thin: each seed. Bold: an arm's median.",
		Height:   140,
	}
	has, lacking, err := e.sideBySide(&t, overBlocks, e.overDepth, e.depthPanel)
	if err != nil {
		return Table{}, err
	}
	t.Caption = fmt.Sprintf("Each block's values at the last step at which they were measured: the norm of BOS over the "+
		"mean norm of the other tokens; the matrix entropy of a sequence's activations, with its largest possible value "+
		"dotted; the share of heads and sequences whose mean attention to BOS is at least .3 (arXiv 2510.06477). Thin "+
		"lines: %s; bold: their median.%s %s", e.seeds(has), lacking, e.provenance(has))
	return t, nil
}

func (e experiment) depthPanel(q quantity, m measured) Panel {
	blocks, values := m.steps(), m.values()
	p := Panel{Title: q.title, X: blockAxis(span(int(blocks.lo), int(blocks.hi)), .2)}
	if q.Statistic == "matrix_entropy" {
		for _, n := range e.shapes(func(context, width int) int { return min(context, width) }) {
			l := Level{"largest entropy", math.Log2(float64(n))}
			values.add(l.At)
			p.Levels = append(p.Levels, l)
		}
	}
	p.Y = axisOver(q.label, values)
	if q.Site == sinkSite {
		p.Y = shareAxis(q.label)
	}
	return p
}

// overDepth returns one curve for each run: a statistic's mean over heads, at the last step that has it, against the
// block. The curve's steps hold the blocks.
func (e experiment) overDepth(q quantity) (measured, error) {
	return e.collect(func(run string) ([]derive.Curve, error) {
		rows, _, err := derive.Rows(e.db, run, q.Need)
		if err != nil {
			return nil, err
		}
		c := derive.Curve{Layer: -1, Head: -1, Idx: -1}
		values := derive.Layers(rows, q.Site, q.Statistic)
		for _, v := range values {
			if v.Step == values[len(values)-1].Step {
				c.Steps, c.Values = append(c.Steps, v.Layer), append(c.Values, v.Value)
			}
		}
		return []derive.Curve{c}, nil
	})
}

// span lists the integers from lo to hi.
func span(lo, hi int) []int {
	var all []int
	for i := lo; i <= hi; i++ {
		all = append(all, i)
	}
	return all
}
