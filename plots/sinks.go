package plots

import (
	"fmt"

	"github.com/outcrop-lab/outcrop/derive"
)

const sinkSite = "attn.pattern"

var firstTokenAttention = derive.Need{Site: sinkSite, Statistic: "first_token_attention"}

// sinks shows the attention sinks that accompany massive activations: the attention that ordinary queries pay to the
// first token, in each block's strongest head.
var sinks = figure{needs: []derive.Need{firstTokenAttention}, table: sinksTable}

func sinksTable(e experiment) (Table, error) {
	m, err := e.scalar(derive.Scalar{Site: sinkSite, Statistic: firstTokenAttention.Statistic, Idx: derive.Max,
		Heads: derive.Max, Layers: derive.Each})
	if err != nil {
		return Table{}, err
	}
	layers, has := m.layers(), m.runs()
	if len(layers) == 0 {
		return Table{}, e.nothing(firstTokenAttention)
	}
	t := Table{
		Title: "Attention sinks on the first token: " + e.name,
		Subtitle: "Share of attention that ordinary queries pay to the first token, in each block's strongest head.\n" +
			"Thin: each seed. Bold: an arm's median.",
		Caption: fmt.Sprintf("Attention to the first token in each block, averaged over ordinary queries of the probe "+
			"batch, in the head where it is largest at each step, against training steps (log(1 + step)). Thin lines: %s; "+
			"bold: their median. The dotted line is the value under uniform attention. %s",
			e.seeds(has), e.provenance(has)),
		Columns: columns(len(layers)), Height: 140,
		Legend: e.legend(m),
	}
	var levels []Level
	for _, context := range e.shapes(func(context, _ int) int { return context }) {
		l := Level{fmt.Sprintf("uniform attention (%.3f)", uniformAttention(context)), uniformAttention(context)}
		levels, t.Legend = append(levels, l), append(t.Legend, l.entry())
	}
	for _, layer := range layers {
		t.Panels = append(t.Panels, Panel{Title: fmt.Sprintf("block %d", layer), X: stepAxis(stepLabel, m.steps().hi),
			Y: shareAxis("attention to the first token (share)"), Levels: levels, Series: e.seedsAndMedian(m.layer(layer))})
	}
	return t, nil
}
