package plots

import (
	"fmt"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg/draw"

	"github.com/outcrop-lab/outcrop/fit"
	"github.com/outcrop-lab/outcrop/store"
)

const (
	ratioSite      = "resid_post"
	ratioStatistic = "ratio_mean"
	ratioLabel     = "top-1 / median of |h| (ratio)"
)

// emergence shows the massive activation rising: top-1 over median against steps, a panel per block, with the curve
// of arXiv 2508.03616 over each run's points.
func emergence(db *store.DB, sweep string) (Drawing, string, error) {
	e, err := read(db, sweep)
	if err != nil {
		return Drawing{}, "", err
	}
	curves := make([][]curve, len(e.arms))
	fits := make([][]store.Fit, len(e.arms))
	for i, a := range e.arms {
		if curves[i], err = e.curves(a, ratioSite, ratioStatistic); err != nil {
			return Drawing{}, "", err
		}
		if fits[i], err = e.fits(a); err != nil {
			return Drawing{}, "", err
		}
	}
	layers := layersOf(curves)
	if len(layers) == 0 {
		return Drawing{}, "", e.nothing(ratioSite, ratioStatistic)
	}

	gaussian := e.shapes(func(context, width int) int { return context * width })
	var values extent
	for _, cs := range curves {
		for _, c := range cs {
			values.add(c.values...)
		}
	}
	for _, n := range gaussian {
		values.add(gaussianRatio(n))
	}
	pg := page{
		title: "Massive activations emerge during training: " + e.name,
		subtitle: "The largest activation over the median one, in each block's output: one outlier rising out of a flat plain.\n" +
			"Points: every seed. Bold: an arm's median." + explained(fits, " Dashed: the curve A exp(-λx) ln x + K, x = γt + t0, fitted to each seed."),
		cols: columns(len(layers)), height: 150,
	}
	for k, layer := range layers {
		p := panel(k, len(layers), pg.cols, stepLabel, ratioLabel)
		scaleX(p, lastStep(curves))
		scaleY(p, values.lo, values.hi)
		p.Add(grid{})
		for _, n := range gaussian {
			p.Add(level(gaussianRatio(n)))
		}
		for i, a := range e.arms {
			addMeasured(p, a, ofLayer(curves[i], layer))
		}
		for i, a := range e.arms {
			addFitted(p, a, ofLayer(curves[i], layer), fits[i])
		}
		pg.panels, pg.titles = append(pg.panels, p), append(pg.titles, fmt.Sprintf("block %d", layer))
	}
	for i, a := range e.arms {
		if len(curves[i]) > 0 {
			pg.legend = append(pg.legend, entry{a.name + goodness(fits[i]), a.style.line(2.4, 0x70, nil), a.style.marker(2.4, 0xFF)})
		}
	}
	if explained(fits, "fitted") != "" {
		pg.legend = append(pg.legend, entry{text: "fitted emergence curve", line: draw.LineStyle{Color: ink, Width: 1.1, Dashes: fitDashes}})
	}
	for _, n := range gaussian {
		pg.legend = append(pg.legend, entry{text: fmt.Sprintf("Gaussian activations (%.2f)", gaussianRatio(n)), line: levelStyle})
	}
	has := drawnRuns(curves)
	caption := fmt.Sprintf("The mean over probe sequences of the largest |h| over the median |h| after each block, against training steps "+
		"(log(1 + step), so that step 0 is shown), %s. Points are the measurements of every seed, the bold line is an arm's median over its seeds.", e.seeds(has))
	caption += explained(fits, " The dashed lines are the emergence curve of arXiv 2508.03616 fitted to each seed; R² in the legend is the range over seeds and blocks.")
	if len(gaussian) > 0 {
		caption += " The dotted line is the ratio that independent Gaussian activations would have."
	}
	caption += " " + e.provenance(has)
	return pg.drawing(), caption, nil
}

// explained is the text, if there is any fit to explain.
func explained(fits [][]store.Fit, text string) string {
	for _, fs := range fits {
		if len(fs) > 0 {
			return text
		}
	}
	return ""
}

// fits reads the emergence fits of an arm's ratios.
func (e experiment) fits(a arm) ([]store.Fit, error) {
	var all []store.Fit
	for _, r := range a.runs {
		fits, err := e.db.Fits(store.Select{Run: r.ID, Site: ratioSite, Statistic: ratioStatistic})
		if err != nil {
			return nil, err
		}
		for _, f := range fits {
			if f.Family == "emergence" {
				all = append(all, f)
			}
		}
	}
	return all, nil
}

// addMeasured draws every seed's points, and the median as a line.
func addMeasured(p *plot.Plot, a arm, curves []curve) {
	m := median(curves)
	p.Add(stroke{m.steps, m.values, a.style.line(2.4, 0x70, nil)})
	for _, c := range curves {
		p.Add(marks{x: c.steps, y: c.values, style: a.style.marker(1.8, 0xC0)})
	}
}

func addFitted(p *plot.Plot, a arm, curves []curve, fits []store.Fit) {
	for _, c := range curves {
		for _, f := range fits {
			if f.Run != c.run || f.Layer != c.layer {
				continue
			}
			addFit(p, fit.Result{Family: f.Family, Params: f.Params}, c.steps[0], c.steps[len(c.steps)-1], a.style.line(1.1, 0xFF, fitDashes))
		}
	}
}

// goodness is the range of R² over fits, " (fit R² .91–.99)".
func goodness(fits []store.Fit) string {
	var r extent
	for _, f := range fits {
		if !math.IsNaN(f.R2) {
			r.add(f.R2)
		}
	}
	lo, hi := fmt.Sprintf("%.2f", r.lo), fmt.Sprintf("%.2f", r.hi)
	switch {
	case !r.any:
		return ""
	case lo == hi:
		return fmt.Sprintf(" (fit R² %s)", lo)
	}
	return fmt.Sprintf(" (fit R² %s to %s)", lo, hi)
}
