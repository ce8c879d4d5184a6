package plots

import (
	"fmt"
	"math"

	"github.com/outcrop-lab/outcrop/derive"
	"github.com/outcrop-lab/outcrop/fit"
	"github.com/outcrop-lab/outcrop/store"
)

const ratioLabel = "top-1 / median of |h| (ratio)"

var ratioMean = derive.Need{Site: "resid_post", Statistic: "ratio_mean"}

// emergence shows the rise of the massive activation: top-1 over median against steps, a panel for each block, with the
// curve of arXiv 2508.03616 over each run's points.
var emergence = figure{needs: []derive.Need{ratioMean}, table: emergenceTable}

func emergenceTable(e experiment) (Table, error) {
	m, err := e.ratios()
	if err != nil {
		return Table{}, err
	}
	fits, err := e.emergenceFits()
	if err != nil {
		return Table{}, err
	}
	layers := m.layers()
	if len(layers) == 0 {
		return Table{}, e.nothing(ratioMean)
	}
	values := m.values()
	var levels []Level
	for _, n := range e.shapes(func(context, width int) int { return context * width }) {
		l := Level{fmt.Sprintf("Gaussian activations (%.2f)", gaussianRatio(n)), gaussianRatio(n)}
		values.add(l.At)
		levels = append(levels, l)
	}
	t := Table{
		Title: "Massive activations emerge during training: " + e.name,
		Subtitle: "The largest activation over the median one in each block's output: one outlier rises out of a flat " +
			"plain.\n" +
			"Points: every seed. Bold: an arm's median." +
			explained(fits, " Dashed: the curve A exp(-λx) ln x + K, x = γt + t0, fitted to each seed."),
		Caption: e.emergenceCaption(m, fits, levels),
		Columns: columns(len(layers)), Height: 150,
	}
	for _, layer := range layers {
		p := Panel{Title: fmt.Sprintf("block %d", layer), X: stepAxis(stepLabel, m.steps().hi),
			Y: axisOver(ratioLabel, values), Levels: levels}
		for i, a := range e.arms {
			p.Series = append(p.Series, a.everySeed(ofLayer(m[i], layer))...)
		}
		for i, a := range e.arms {
			p.Series = append(p.Series, a.emergenceCurves(ofLayer(m[i], layer), fits[i], p)...)
		}
		t.Panels = append(t.Panels, p)
	}
	for i, a := range e.arms {
		if len(m[i]) > 0 {
			t.Legend = append(t.Legend, Entry{a.name + goodness(fits[i]), a.style.line(2.4, 0x70, nil),
				a.style.marker(2.4, 0xFF)})
		}
	}
	if explained(fits, "fitted") != "" {
		t.Legend = append(t.Legend, Entry{Text: "fitted emergence curve", Line: &Line{ink, 1.1, fitDashes}})
	}
	for _, l := range levels {
		t.Legend = append(t.Legend, l.entry())
	}
	return t, nil
}

func (e experiment) emergenceCaption(m measured, fits [][]store.Fit, levels []Level) string {
	has := m.runs()
	caption := fmt.Sprintf("The largest |h| over the median |h| after each block, mean over probe sequences, against "+
		"training steps on a log(1 + step) axis, which shows step 0; %s. Points are every seed's measurements; the bold "+
		"line is an arm's median over its seeds.", e.seeds(has))
	caption += explained(fits, " The dashed lines are the emergence curve of arXiv 2508.03616, fitted to each seed; R² "+
		"in the legend is its range over seeds and blocks.")
	if len(levels) > 0 {
		caption += " The dotted line is the expected ratio of independent Gaussian activations."
	}
	return caption + " " + e.provenance(has)
}

// explained returns the text if there is any fit to explain, and "" otherwise.
func explained(fits [][]store.Fit, text string) string {
	for _, fs := range fits {
		if len(fs) > 0 {
			return text
		}
	}
	return ""
}

// ratios returns the curves of ratio_mean, one for each run and block.
func (e experiment) ratios() (measured, error) {
	return e.scalar(derive.Scalar{Site: ratioMean.Site, Statistic: ratioMean.Statistic, Layers: derive.Each})
}

// emergenceFits reads the emergence curves fitted to the ratios, by arm.
func (e experiment) emergenceFits() ([][]store.Fit, error) {
	byArm := make([][]store.Fit, len(e.arms))
	for i, a := range e.arms {
		for _, r := range a.runs {
			fits, err := e.db.Fits(store.Select{Run: r.ID, Site: ratioMean.Site, Statistic: ratioMean.Statistic})
			if err != nil {
				return nil, err
			}
			for _, f := range fits {
				if f.Family == "emergence" {
					byArm[i] = append(byArm[i], f)
				}
			}
		}
	}
	return byArm, nil
}

// everySeed returns the median as a line and every seed's measurements as points.
func (a arm) everySeed(curves []curve) (all []Series) {
	if len(curves) == 0 {
		return nil
	}
	m := median(curves)
	all = []Series{{Name: a.name + ", median", X: m.steps, Y: m.values, Line: a.style.line(2.4, 0x70, nil)}}
	for _, c := range curves {
		all = append(all, points(a.seed(c), c.steps, c.values, a.style.marker(1.8, 0xC0)))
	}
	return all
}

// emergenceCurves returns the curves fitted to an arm's series, over the steps that were measured.
func (a arm) emergenceCurves(curves []curve, fits []store.Fit, p Panel) (all []Series) {
	for _, c := range curves {
		for _, f := range fits {
			if f.Run == c.run && f.Layer == c.layer {
				r := fit.Result{Family: f.Family, Params: f.Params}
				all = append(all, fitted(a.seed(c), r, c.steps[0], c.steps[len(c.steps)-1], p,
					a.style.line(1.1, 0xFF, fitDashes))...)
			}
		}
	}
	return all
}

// goodness returns the range of R² over fits, as in " (fit R² 0.91 to 0.99)", or "" if none has an R².
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
