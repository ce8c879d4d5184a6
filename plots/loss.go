package plots

import (
	"fmt"
	"strings"

	"github.com/outcrop-lab/outcrop/derive"
)

const runSite = "run"

var metrics = []quantity{
	{derive.Need{Site: runSite, Statistic: "heldout_loss"}, "held-out loss", "held-out loss (nats/token)"},
	{derive.Need{Site: runSite, Statistic: "backcopy_risk"}, "backcopy risk", "backcopy risk (nats/token)"},
	{derive.Need{Site: runSite, Statistic: "bigram_risk"}, "bigram risk", "excess over the floor (nats/token)"},
}

// loss shows what the arms learn: the held-out loss and, for data from a chain with known floors, the two risks of
// arXiv 2410.13835.
var loss = figure{needs: needsOf(metrics), table: lossTable}

func lossTable(e experiment) (Table, error) {
	t := Table{
		Title:    "What the arms learn: " + e.name,
		Subtitle: "On held-out sequences. Thin: each seed. Bold: an arm's median.",
		Height:   140,
	}
	has, _, err := e.sideBySide(&t, metrics, func(q quantity) (measured, error) {
		return e.scalar(derive.Scalar{Site: q.Site, Statistic: q.Statistic})
	}, func(q quantity, m measured) Panel {
		return Panel{Title: q.title, X: stepAxis(stepLabel, m.steps().hi), Y: axisOver(q.label, m.values())}
	})
	if err != nil {
		return Table{}, err
	}
	var shown []string
	for _, p := range t.Panels {
		shown = append(shown, p.Title)
	}
	t.Caption = fmt.Sprintf("Measured on held-out sequences, in nats per token, against training steps (log(1 + step)): "+
		"%s. Thin lines: %s; bold: their median. ", strings.Join(shown, ", "), e.seeds(has))
	if len(shown) > 1 {
		t.Caption += "Backcopy risk is the loss on queries after which the next token is certain; bigram risk, on ordinary " +
			"queries, is the cross-entropy to the chain's true next-token distribution minus that distribution's entropy " +
			"(arXiv 2410.13835). The floor of both is 0. "
	}
	t.Caption += e.provenance(has)
	return t, nil
}
