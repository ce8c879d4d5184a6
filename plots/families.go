package plots

import (
	"fmt"

	"github.com/outcrop-lab/outcrop/fit"
	"github.com/outcrop-lab/outcrop/store"
)

// families shows the emergence curve among its rivals: a panel per arm, of its first seed and the block whose ratio ends
// largest.
func families(db *store.DB, sweep string) (Drawing, string, error) {
	e, err := read(db, sweep)
	if err != nil {
		return Drawing{}, "", err
	}
	var shown []arm
	var curves []curve  // the fitted ones
	var seeds [][]curve // of the same block
	var values extent
	for _, a := range e.arms {
		all, err := e.curves(a, ratioSite, ratioStatistic)
		if err != nil {
			return Drawing{}, "", err
		}
		if len(all) == 0 {
			continue
		}
		largest := all[0]
		for _, c := range all {
			if c.run == largest.run && c.values[len(c.values)-1] > largest.values[len(largest.values)-1] {
				largest = c
			}
		}
		shown, curves, seeds = append(shown, a), append(curves, largest), append(seeds, ofLayer(all, largest.layer))
		for _, c := range seeds[len(seeds)-1] {
			values.add(c.values...)
		}
	}
	if len(shown) == 0 {
		return Drawing{}, "", e.nothing(ratioSite, ratioStatistic)
	}
	pg := page{
		title: "Which curve it is: " + e.name,
		subtitle: "The emergence curve (dashed) and its rivals (thin), fitted to one block of one seed (dark points) of each arm.\n" +
			"Above each panel: the family with the smallest AICc, and its Akaike weight among those drawn.",
		cols: min(2, len(shown)), height: 150,
	}
	emergence, rivals := styleOf(1).line(1.4, 0xFF, fitDashes), rivalStyles()
	drawn := map[string]bool{}
	for k, a := range shown {
		p := panel(k, len(shown), pg.cols, stepLabel, ratioLabel)
		c := curves[k]
		last := c.steps[len(c.steps)-1]
		scaleX(p, last)
		scaleY(p, values.lo, values.hi)
		p.Add(grid{})
		for _, other := range seeds[k] {
			if other.run != c.run {
				p.Add(marks{x: other.steps, y: other.values, style: styleOf(0).marker(1.4, 0x40)})
			}
		}
		p.Add(marks{x: c.steps, y: c.values, style: styleOf(0).marker(1.8, 0xC0)})
		layer := c.layer
		fits, err := db.Fits(store.Select{Run: c.run, Site: ratioSite, Statistic: ratioStatistic, Layer: &layer})
		if err != nil {
			return Drawing{}, "", err
		}
		heading := fmt.Sprintf("%s, block %d", a.name, c.layer)
		for _, f := range fits {
			if f.Best {
				heading += fmt.Sprintf(": %s (%.2f)", f.Family, f.Weight)
			}
			style, ok := rivals[f.Family]
			if f.Family == "emergence" {
				style, ok = emergence, true
			}
			if ok {
				drawn[f.Family] = true
				addFit(p, fit.Result{Family: f.Family, Params: f.Params}, c.steps[0], last, style)
			}
		}
		pg.panels, pg.titles = append(pg.panels, p), append(pg.titles, heading)
	}
	pg.legend = []entry{{text: "measured", glyph: styleOf(0).marker(2.4, 0xFF)}}
	for _, family := range fit.Families() {
		switch {
		case !drawn[family]:
		case family == "emergence":
			pg.legend = append(pg.legend, entry{text: family, line: emergence})
		default:
			pg.legend = append(pg.legend, entry{text: family, line: rivals[family]})
		}
	}
	has := drawnRuns(seeds)
	caption := fmt.Sprintf("The mean over probe sequences of the largest |h| over the median |h| against training steps (log(1 + step)), in the block whose "+
		"ratio ends largest in each arm's first seed, %s. The curves are every family fitted to that seed, whose points are dark; the pale ones are the "+
		"other seeds. Akaike weights compare the families by AICc; they say which of them is nearest, not that it is right. ", e.seeds(has)) + e.provenance(has)
	return pg.drawing(), caption, nil
}
