package plots

import (
	"fmt"

	"github.com/outcrop-lab/outcrop/derive"
	"github.com/outcrop-lab/outcrop/fit"
	"github.com/outcrop-lab/outcrop/store"
)

// families compares the emergence curve with its rivals: a panel for each arm shows its first seed, in the block with
// the largest final ratio.
var families = figure{needs: []derive.Need{ratioMean}, table: familiesTable}

func familiesTable(e experiment) (Table, error) {
	all, err := e.ratios()
	if err != nil {
		return Table{}, err
	}
	seeds := make(measured, len(all)) // curves of the block that is shown
	shown := 0
	for i, curves := range all {
		if len(curves) > 0 {
			seeds[i] = ofLayer(curves, endsLargest(curves))
			shown++
		}
	}
	if shown == 0 {
		return Table{}, e.nothing(ratioMean)
	}
	has := seeds.runs()
	t := Table{
		Title: "Which curve fits best: " + e.name,
		Subtitle: "The emergence curve (dashed) and its rivals (thin), fitted to one block of one seed (dark points) of " +
			"each arm.\n" +
			"Above each panel: the family with the smallest AICc, and its Akaike weight among those drawn.",
		Caption: fmt.Sprintf("The largest |h| over the median |h|, mean over probe sequences, against training steps "+
			"(log(1 + step)), in the block with the largest final ratio in each arm's first seed; %s. Each curve is a "+
			"family fitted to that seed, whose points are dark; the other seeds' points are pale. Akaike weights compare "+
			"the families by AICc: they show which of them is nearest, not that it is right. %s",
			e.seeds(has), e.provenance(has)),
		Columns: min(2, shown), Height: 150,
	}
	lines, drawn := familyLines(), map[string]bool{}
	for i, a := range e.arms {
		if len(seeds[i]) == 0 {
			continue
		}
		p, err := e.familiesPanel(a, seeds[i], axisOver(ratioLabel, seeds.values()), lines, drawn)
		if err != nil {
			return Table{}, err
		}
		t.Panels = append(t.Panels, p)
	}
	t.Legend = append([]Entry{{Text: "measured", Glyph: styleOf(0).marker(2.4, 0xFF)}}, familyLegend(lines, drawn)...)
	return t, nil
}

// endsLargest returns the block in which the first run's curve has the largest last value.
func endsLargest(curves []curve) int {
	largest := curves[0]
	for _, c := range curves {
		if c.run == largest.run && c.values[len(c.values)-1] > largest.values[len(largest.values)-1] {
			largest = c
		}
	}
	return largest.layer
}

// familiesPanel shows the fits of an arm's first seed and the points of all its seeds. It adds the families that it
// draws to drawn.
func (e experiment) familiesPanel(a arm, seeds []curve, y Axis, lines map[string]*Line, drawn map[string]bool,
) (Panel, error) {
	c := seeds[0]
	last := c.steps[len(c.steps)-1]
	fits, err := e.db.Fits(store.Select{Run: c.run, Site: ratioMean.Site, Statistic: ratioMean.Statistic, Layer: &c.layer})
	if err != nil {
		return Panel{}, err
	}
	p := Panel{Title: fmt.Sprintf("%s, block %d", a.name, c.layer), X: stepAxis(stepLabel, last), Y: y}
	for _, other := range seeds[1:] {
		p.Series = append(p.Series, points(a.seed(other), other.steps, other.values, styleOf(0).marker(1.4, 0x40)))
	}
	p.Series = append(p.Series, points(a.seed(c), c.steps, c.values, styleOf(0).marker(1.8, 0xC0)))
	for _, f := range fits {
		if f.Best {
			p.Title += fmt.Sprintf(": %s (%.2f)", f.Family, f.Weight)
		}
		if line := lines[f.Family]; line != nil {
			drawn[f.Family] = true
			r := fit.Result{Family: f.Family, Params: f.Params}
			p.Series = append(p.Series, fitted(a.seed(c), r, c.steps[0], last, p, line)...)
		}
	}
	return p, nil
}

// familyLegend returns an entry for each family that is drawn, in the order of the registry.
func familyLegend(lines map[string]*Line, drawn map[string]bool) (all []Entry) {
	for _, family := range fit.Families() {
		if drawn[family] {
			all = append(all, Entry{Text: family, Line: lines[family]})
		}
	}
	return all
}
