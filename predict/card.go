package predict

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/outcrop-lab/outcrop/count"
	"github.com/outcrop-lab/outcrop/fit"
)

// published has the best test R² of each parameter in arXiv 2508.03616, on a random split of 188 layers.
var published = map[string]string{
	"A": ".476 (forest)", "lambda": ".664 (boosting)", "gamma": ".056 (ridge)", "t0": ".447 (forest)",
	"K": ".847 (boosting)",
}

// page collects lines of Markdown.
type page struct{ strings.Builder }

func (p *page) line(format string, args ...any) { _, _ = fmt.Fprintf(p, format+"\n", args...) }

// Print writes the card as Markdown.
func (c Card) Print(out io.Writer) error {
	var p page
	p.line("# Model card of the predictor")
	p.line("")
	p.line("Written by `make predictor`; do not edit. Formulas and terms: `go doc ./predict`.")
	p.line("")
	c.printTraining(&p)
	c.printScores(&p)
	c.printCandidates(&p)
	c.printImportance(&p)
	c.printLimits(&p)
	_, err := io.WriteString(out, p.String())
	return err
}

func (c Card) printTraining(p *page) {
	p.line("## What it was trained on")
	p.line("")
	p.line("The sweep `%s` (`configs/sweeps/%s.yaml`): %s, %s of %s, %d series (one per layer "+
		"of a run). %s %s unfinished and left out.", c.Sweep, c.Sweep, count.Of(c.Architectures, "architecture"),
		count.Of(c.Runs, "run"), count.Of(c.Last, "step"), c.Series, count.Of(c.LeftOut, "run"),
		count.Agree(c.LeftOut, "was", "were"))
	p.line("The runs were trained at commit %s on %s, and the predictor was scored on %s. SHA-256 of the table: %s.",
		c.Commit, c.Machine, c.Created, c.Digest)
	p.line("")
	p.line("The emergence curve fits a series with a median R² of %.2f (10th percentile %.2f, 90th percentile %.2f).",
		c.FitR2[1], c.FitR2[0], c.FitR2[2])
	regimes := make([]string, 0, len(c.Regimes))
	for _, name := range slices.Sorted(maps.Keys(c.Regimes)) {
		shown := name
		if name == "" {
			shown = "none (the curve falls)"
		}
		regimes = append(regimes, fmt.Sprintf("%s %d", shown, c.Regimes[name]))
	}
	p.line("Series by regime: %s. Series that determine each parameter: %s.", strings.Join(regimes, ", "), c.determined())
	p.line("")
	p.line("The points of the curve are learned from every series. A parameter is learned from the series that "+
		"determine it and are not flat, if there are at least %d of them from at least %s. Otherwise it is "+
		"learned from all series that are not flat, and is called undetermined; tables show a dash for it.", enoughSeries,
		count.Of(enoughArchs, "architecture"))
	p.line("")
}

func (c Card) printScores(p *page) {
	p.line("## Scores")
	p.line("")
	p.line("All scores are R² of the transformed target. *Random*: a random fifth of the series is held out, and the "+
		"mean of ten splits is taken. The other layers and the other seed of an architecture are seen, so this score says "+
		"little. *Left out*: each architecture in turn is left out with all its series. This is the score to rely on. The "+
		"learner was chosen among %d by R² over five folds of whole architectures. That choice saw all architectures, so "+
		"*left out* is slightly optimistic. Every variant occurs in two shapes or more: when one is left out the others "+
		"are seen, so this is the score for a known variant in another shape. *Within*: the share of residuals of left-out "+
		"architectures inside the %.0f %% interval, with the interval taken from the other architectures.", len(Candidates),
		100*confidence)
	p.line("")
	p.line("| target | scale | series (architectures) | learner | random | left out | paper, random | within |")
	p.line("|---|---|---|---|---|---|---|---|")
	for _, t := range c.Targets {
		name := t.Name
		if !t.Determined {
			name += " (undetermined)"
		}
		p.line("| %s | %s | %d (%d) | %s | %.2f | %.2f | %s | %.0f %% |", name, t.Transform, t.Series, t.Architectures,
			t.Learner, t.RandomR2, t.LeftOutR2, orDash(published[t.Name]), 100*t.Coverage)
	}
	p.line("")
	p.line("The whole curve of a left-out architecture has a root mean square error of ln f of %.3f over its nine "+
		"points. The mean curve of the other architectures, which ignores the features, has %.3f.", c.CurveRMS, c.MeanRMS)
	p.line("")
	worst := make([]string, len(c.Worst))
	for i, w := range c.Worst {
		worst[i] = fmt.Sprintf("%s %.2f", w.Name, w.RMS)
	}
	p.line("The architectures with the largest such error: %s. The interval has the same width for all architectures "+
		"and is too narrow for these.", strings.Join(worst, ", "))
	p.line("")
	p.line("The five parameters learned as in the paper, from every series as fitted, determined or not:")
	p.line("")
	p.line("| parameter | learner | random | left out | paper, random |")
	p.line("|---|---|---|---|---|")
	for _, t := range c.Plain {
		p.line("| %s | %s | %.2f | %.2f | %s |", t.Name, t.Learner, t.RandomR2, t.LeftOutR2, orDash(published[t.Name]))
	}
	p.line("")
}

func (c Card) printCandidates(p *page) {
	p.line("The candidates' R² over five folds of whole architectures:")
	p.line("")
	p.line("| target | %s |", strings.Join(candidateNames(), " | "))
	p.line("|---|%s", strings.Repeat("---|", len(Candidates)))
	for _, t := range c.Targets {
		scores := make([]string, len(t.Candidates))
		for i, s := range t.Candidates {
			scores[i] = fmt.Sprintf("%.2f", s.R2)
		}
		p.line("| %s | %s |", t.Name, strings.Join(scores, " | "))
	}
	p.line("")
}

func (c Card) printImportance(p *page) {
	p.line("The importance of the features: the drop in R² when a group of features is permuted among the held-out " +
		"series. The five largest drops:")
	p.line("")
	p.line("| target | groups |")
	p.line("|---|---|")
	for _, t := range c.Targets {
		groups := make([]string, min(5, len(t.Importance)))
		for i := range groups {
			groups[i] = fmt.Sprintf("%s %.2f", t.Importance[i].Group, t.Importance[i].Drop)
		}
		p.line("| %s | %s |", t.Name, strings.Join(groups, ", "))
	}
	p.line("")
}

func (c Card) printLimits(p *page) {
	p.line("## Where it must not be used")
	p.line("")
	p.line("- For any task, data, length of training, batch or schedule other than the sweep's. The training data " +
		"include no text and no model of more than two million parameters.")
	p.line("- For a number outside its range in the sweep, or a variant that the sweep lacks. `outcrop predict` refuses " +
		"these; with `--extrapolate` it answers and marks the answer.")
	p.line("- For combinations of variants: all but a few were trained one at a time. The answer names the combinations " +
		"that were not trained.")
	p.line("- For parameters called undetermined, and in place of training when a decision depends on the answer: see " +
		"the column *left out*.")
}

// determined lists how many series determine each parameter.
func (c Card) determined() string {
	parts := make([]string, 0, len(paramNames))
	for _, name := range append(fit.Params("emergence"), "beta") {
		parts = append(parts, fmt.Sprintf("%s %d", name, c.Series-c.Open[name]))
	}
	return strings.Join(parts, ", ") + fmt.Sprintf(" of %d", c.Series)
}

// String returns the transform as tables show it.
func (t Transform) String() string {
	if t.Name == "yeo-johnson" {
		return fmt.Sprintf("%s %.2f", t.Name, t.Lambda)
	}
	return t.Name
}

func orDash(text string) string {
	if text == "" {
		return "—"
	}
	return text
}

func candidateNames() []string {
	names := make([]string, len(Candidates))
	for i, c := range Candidates {
		names[i] = c.Name
	}
	return names
}
