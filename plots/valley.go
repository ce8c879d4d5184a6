package plots

import (
	"fmt"

	"github.com/outcrop-lab/outcrop/derive"
)

// valley shows whether the large BOS norm, the entropy valley and the sinks appear together in training, as
// arXiv 2510.06477 reports: each in the block where it is strongest at that step.
var valley = figure{needs: needsOf(overBlocks), table: valleyTable}

func valleyTable(e experiment) (Table, error) {
	t := Table{
		Title:    "Sinks and the entropy valley in training: " + e.name,
		Subtitle: "Each in the block where it is strongest at that step. Thin: each seed. Bold: an arm's median.",
		Height:   140,
	}
	has, lacking, err := e.sideBySide(&t, overBlocks, e.strongest, func(q quantity, m measured) Panel {
		p := Panel{Title: "largest " + q.title, X: stepAxis(stepLabel, m.steps().hi), Y: axisOver(q.label, m.values())}
		switch {
		case q.Site == sinkSite:
			p.Y = shareAxis(q.label)
		case strongestOf(q) == derive.Min:
			p.Title = "smallest " + q.title
		}
		return p
	})
	if err != nil {
		return Table{}, err
	}
	t.Caption = fmt.Sprintf("At each training step (log(1 + step)), over blocks: the largest norm of BOS over the mean "+
		"norm of the other tokens, the smallest matrix entropy, and the largest share of heads and sequences whose mean "+
		"attention to BOS is at least .3. arXiv 2510.06477 reports that the three appear together. Thin lines: %s; bold: "+
		"their median.%s %s", e.seeds(has), lacking, e.provenance(has))
	return t, nil
}

// strongest returns one curve over steps for each run: the extremum over blocks of the mean over heads.
func (e experiment) strongest(q quantity) (measured, error) {
	return e.scalar(derive.Scalar{Site: q.Site, Statistic: q.Statistic, Idx: derive.Mean, Heads: derive.Mean,
		Layers: strongestOf(q)})
}

// strongestOf returns the rule over blocks: the minimum for the entropy, because a compression valley is where the
// entropy is smallest, and the maximum otherwise.
func strongestOf(q quantity) derive.Rule {
	if q.Statistic == "matrix_entropy" {
		return derive.Min
	}
	return derive.Max
}
