package plots

import (
	"fmt"

	"github.com/outcrop-lab/outcrop/derive"
)

var settling = []quantity{
	{derive.Need{Site: "resid_post", Statistic: "top1_channel"}, "channel of the largest |h|", ""},
	{derive.Need{Site: "resid_post", Statistic: "top1_position"}, "position of the largest |h|", ""},
	{derive.Need{Site: sinkSite, Statistic: "sink_position"}, "position of the sink", ""},
}

// stability shows when the places settle: the share of sequences whose largest activation is at the same place as at
// the previous measured step.
var stability = figure{needs: needsOf(settling), table: stabilityTable}

func stabilityTable(e experiment) (Table, error) {
	t := Table{
		Title: "When the places settle: " + e.name,
		Subtitle: "Share of probe sequences (of heads, for the sink) with the same place as at the previous measured step, " +
			"mean over blocks.\n" +
			"Thin: each seed. Bold: an arm's median.",
		Height: 140,
	}
	has, _, err := e.sideBySide(&t, settling, e.settled, func(q quantity, m measured) Panel {
		return Panel{Title: q.title, X: stepAxis(stepLabel, m.steps().hi), Y: shareAxis("same place as before (share)")}
	})
	if err != nil {
		return Table{}, err
	}
	t.Caption = fmt.Sprintf("The share of probe sequences whose largest |h| after a block has the same channel, or the "+
		"same position, as at the previous measured step, and the share of heads whose sink has the same position; mean "+
		"over blocks, against training steps (log(1 + step)). 1 means that no place moved. Thin lines: %s; bold: their "+
		"median. %s", e.seeds(has), e.provenance(has))
	return t, nil
}

// settled returns one curve for each run: the share of places that have not moved, mean over blocks.
func (e experiment) settled(q quantity) (measured, error) {
	return e.collect(func(run string) ([]derive.Curve, error) {
		rows, _, err := derive.Rows(e.db, run, q.Need)
		if err != nil {
			return nil, err
		}
		c := derive.Curve{Layer: -1, Head: -1, Idx: -1}
		for _, v := range derive.OverLayers(derive.Stability(rows, q.Site, q.Statistic)) {
			c.Steps, c.Values = append(c.Steps, v.Step), append(c.Values, v.Value)
		}
		return []derive.Curve{c}, nil
	})
}
