package predict

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/outcrop-lab/outcrop/fit"
)

// published holds the best test R² of each parameter in arXiv 2508.03616, on a random split of 188 layers.
var published = map[string]string{"A": ".476 (forest)", "lambda": ".664 (boosting)", "gamma": ".056 (ridge)",
	"t0": ".447 (forest)", "K": ".847 (boosting)"}

// markdown collects the lines of a card.
type markdown struct{ text strings.Builder }

func (m *markdown) line(format string, args ...any) { fmt.Fprintf(&m.text, format+"\n", args...) }

// Print writes the card as Markdown.
func (c Card) Print(out io.Writer) error {
	var m markdown
	m.line("# Model card of the predictor")
	m.line("")
	m.line("Written by `make predictor`; do not edit. Formulas and terms: `go doc ./predict`.")
	m.line("")
	c.printTraining(&m)
	c.printScores(&m)
	c.printChoice(&m)
	m.line("## Where it must not be used")
	m.line("")
	m.line("- For any other task, data, training length, batch or schedule than the sweep's. It learned nothing from " +
		"text, and nothing from models of more than two million parameters.")
	m.line("- Outside the range of a number, or for a variant that the sweep does not have. `outcrop predict` refuses " +
		"these; with `--extrapolate` it answers, and marks the answer.")
	m.line("- For combinations of variants. With a few exceptions, variants were trained one at a time. The answer " +
		"remarks on combinations that were not trained.")
	m.line("- For parameters called undetermined, and instead of training if a decision depends on the answer: see the " +
		"column *left out*.")
	_, err := io.WriteString(out, m.text.String())
	return err
}

// printTraining writes what the predictor was trained on.
func (c Card) printTraining(m *markdown) {
	m.line("## What it was trained on")
	m.line("")
	m.line("The sweep `%s` (`configs/sweeps/%s.yaml`): %d architectures, %d runs of %d steps, %d series (one for each "+
		"layer of each run). %d runs were not done and are left out.", c.Sweep, c.Sweep, c.Architectures, c.Runs, c.Last,
		c.Series, c.LeftOut)
	m.line("Trained with commit %s on %s, scored on %s. SHA-256 of the table: %s.", c.Commit, c.Machine, c.Created,
		c.Digest)
	m.line("")
	m.line("The emergence curve fits a series with a median R² of %.2f (a tenth of the series have less than %.2f, a "+
		"tenth more than %.2f).", c.FitR2[1], c.FitR2[0], c.FitR2[2])
	regimes := make([]string, 0, len(c.Regimes))
	for _, name := range slices.Sorted(maps.Keys(c.Regimes)) {
		said := name
		if name == "" {
			said = "none (the curve falls)"
		}
		regimes = append(regimes, fmt.Sprintf("%s %d", said, c.Regimes[name]))
	}
	m.line("Regimes: %s. Series that determine a parameter: %s.", strings.Join(regimes, ", "), c.determined())
	m.line("")
	m.line("The points of the curve are learned from every series. A parameter is learned from the series that are not "+
		"flat and determine it, if there are at least %d of them from %d architectures. Otherwise it is learned from all "+
		"series that are not flat and is called undetermined; a table shows a dash for it.", enoughSeries, enoughArchs)
	m.line("")
}

// printScores writes how good the predictor is.
func (c Card) printScores(m *markdown) {
	m.line("## Scores")
	m.line("")
	m.line("R² of the transformed target. *Random*: the mean of ten splits, each with a random fifth of the series held "+
		"out. The predictor has then seen the other layers and the other seed of the same architecture, so this score "+
		"says little. *Left out*: each architecture in turn is left out with all its series. This is the honest score. "+
		"The learner was chosen among %d by the R² over five folds of whole architectures. That choice has seen all "+
		"architectures, so *left out* is slightly optimistic. Each variant has at least two shapes: if one is left out, "+
		"the predictor has seen the other, so this is the score of a known variant in another shape. The last column is "+
		"the share of the residuals of architectures left out that lie within the %.0f %% interval, with its width taken "+
		"from the other architectures.", len(Candidates), 100*confidence)
	m.line("")
	m.line("| target | scale | series of architectures | learner | random | left out | paper, random | within |")
	m.line("|---|---|---|---|---|---|---|---|")
	for _, t := range c.Targets {
		name := t.Name
		if !t.Determined {
			name += " (undetermined)"
		}
		m.line("| %s | %s | %d of %d | %s | %.2f | %.2f | %s | %.0f %% |", name, t.Transform, t.Series, t.Architectures,
			t.Learner, t.RandomR2, t.LeftOutR2, orDash(published[t.Name]), 100*t.Coverage)
	}
	m.line("")
	m.line("For the whole curve of an architecture left out, the root mean square error of ln f over its nine points is "+
		"%.3f. The mean curve of the other architectures, which ignores the architecture, has %.3f.", c.CurveRMS, c.MeanRMS)
	m.line("")
	worst := make([]string, len(c.Worst))
	for i, w := range c.Worst {
		worst[i] = fmt.Sprintf("%s %.2f", w.Name, w.RMS)
	}
	m.line("The architectures with the largest such errors: %s. The interval has the same width for all architectures "+
		"and is too narrow for these.", strings.Join(worst, ", "))
	m.line("")
	m.line("The five parameters in the paper's way, learned from every fitted series, whether or not it determines them:")
	m.line("")
	m.line("| parameter | learner | random | left out | paper, random |")
	m.line("|---|---|---|---|---|")
	for _, t := range c.Plain {
		m.line("| %s | %s | %.2f | %.2f | %s |", t.Name, t.Learner, t.RandomR2, t.LeftOutR2, orDash(published[t.Name]))
	}
	m.line("")
}

// printChoice writes the scores that the choice of learners is based on, and which features matter.
func (c Card) printChoice(m *markdown) {
	m.line("The candidates, with their R² over five folds of whole architectures:")
	m.line("")
	m.line("| target | %s |", strings.Join(candidateNames(), " | "))
	m.line("|---|%s", strings.Repeat("---|", len(Candidates)))
	for _, t := range c.Targets {
		scores := make([]string, len(t.Candidates))
		for i, s := range t.Candidates {
			scores[i] = fmt.Sprintf("%.2f", s.R2)
		}
		m.line("| %s | %s |", t.Name, strings.Join(scores, " | "))
	}
	m.line("")
	m.line("The five most important groups of features, with the drop in R² if the group is shuffled among the held-out " +
		"series:")
	m.line("")
	m.line("| target | groups |")
	m.line("|---|---|")
	for _, t := range c.Targets {
		groups := make([]string, min(5, len(t.Importance)))
		for i := range groups {
			groups[i] = fmt.Sprintf("%s %.2f", t.Importance[i].Group, t.Importance[i].Drop)
		}
		m.line("| %s | %s |", t.Name, strings.Join(groups, ", "))
	}
	m.line("")
}

// determined lists how many series determine each parameter.
func (c Card) determined() string {
	parts := make([]string, 0, len(paramNames))
	for _, name := range append(fit.Params("emergence"), "beta") {
		parts = append(parts, fmt.Sprintf("%s %d", name, c.Series-c.Open[name]))
	}
	return strings.Join(parts, ", ") + fmt.Sprintf(" of %d", c.Series)
}

// String returns the transform as a table shows it.
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
