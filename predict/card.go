package predict

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/outcrop-lab/outcrop/fit"
)

// published is the best test R² of each parameter in arXiv 2508.03616: a random split of 188 layers.
var published = map[string]string{"A": ".476 (forest)", "lambda": ".664 (boosting)", "gamma": ".056 (ridge)", "t0": ".447 (forest)", "K": ".847 (boosting)"}

// Print writes the card as Markdown.
func (c Card) Print(out io.Writer) error {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# Model card of the predictor")
	line("")
	line("Written by `make predictor`; do not edit. Formulas and terms: `go doc ./predict`.")
	line("")
	line("## What it was trained on")
	line("")
	line("The sweep `%s` (`configs/sweeps/%s.yaml`): %d architectures, %d runs of %d steps, %d series (a layer of a run); %d runs were not done and are left out.", c.Sweep, c.Sweep, c.Architectures, c.Runs, c.Last, c.Series, c.LeftOut)
	line("Trained with commit %s on %s, scored on %s. SHA-256 of the table: %s.", c.Commit, c.Machine, c.Created, c.Digest)
	line("")
	line("The emergence curve fits a series with R² %.2f in the median (a tenth have less than %.2f, a tenth more than %.2f).", c.FitR2[1], c.FitR2[0], c.FitR2[2])
	regimes := make([]string, 0, len(c.Regimes))
	for _, name := range slices.Sorted(maps.Keys(c.Regimes)) {
		said := name
		if name == "" {
			said = "none (the curve falls)"
		}
		regimes = append(regimes, fmt.Sprintf("%s %d", said, c.Regimes[name]))
	}
	line("Regimes: %s. Series that determine a parameter: %s.", strings.Join(regimes, ", "), c.determined())
	line("")
	line("Every series enters the curve's points. A parameter is learned from the series that determine it and are not flat, if they are at least %d of %d architectures; if not, from all that are not flat, and is then called undetermined: a table shows a dash for it.", enoughSeries, enoughArchs)
	line("")
	line("## Scores")
	line("")
	line("R² of the transformed target. *Random*: a random fifth of the series held out, mean of ten splits; the other layers and the other seed of an architecture are seen, so that it says little. *Left out*: one architecture after the other with all its series, the honest one. The learner was chosen by the R² over five folds of whole architectures among %d; that choice has seen all architectures, so that *left out* flatters a little. A variant stands in two shapes or more: where one is left out the other is seen, so that this is the score of a known variant in another shape. The last column: residuals of architectures left out that lie within the %.0f %% interval, its width taken from the others.", len(Candidates), 100*confidence)
	line("")
	line("| target | scale | series of architectures | learner | random | left out | paper, random | within |")
	line("|---|---|---|---|---|---|---|---|")
	for _, t := range c.Targets {
		name := t.Name
		if !t.Determined {
			name += " (undetermined)"
		}
		line("| %s | %s | %d of %d | %s | %.2f | %.2f | %s | %.0f %% |", name, t.Transform, t.Series, t.Architectures, t.Learner, t.RandomR2, t.LeftOutR2, orDash(published[t.Name]), 100*t.Coverage)
	}
	line("")
	line("The whole curve of an architecture left out: root mean square error of ln f %.3f over its nine points; %.3f for the mean curve of the other architectures, which knows nothing.", c.CurveRMS, c.MeanRMS)
	line("")
	worst := make([]string, len(c.Worst))
	for i, w := range c.Worst {
		worst[i] = fmt.Sprintf("%s %.2f", w.Name, w.RMS)
	}
	line("The same of the architectures that are foretold worst: %s. The interval has one width for all, which for these is too narrow.", strings.Join(worst, ", "))
	line("")
	line("The five parameters in the paper's way, from every series as it was fitted, determined or not:")
	line("")
	line("| parameter | learner | random | left out | paper, random |")
	line("|---|---|---|---|---|")
	for _, t := range c.Plain {
		line("| %s | %s | %.2f | %.2f | %s |", t.Name, t.Learner, t.RandomR2, t.LeftOutR2, orDash(published[t.Name]))
	}
	line("")
	line("The candidates, R² over five folds of whole architectures:")
	line("")
	line("| target | %s |", strings.Join(candidateNames(), " | "))
	line("|---|%s", strings.Repeat("---|", len(Candidates)))
	for _, t := range c.Targets {
		scores := make([]string, len(t.Candidates))
		for i, s := range t.Candidates {
			scores[i] = fmt.Sprintf("%.2f", s.R2)
		}
		line("| %s | %s |", t.Name, strings.Join(scores, " | "))
	}
	line("")
	line("What counts: how much R² falls when a group of features is dealt anew among the held out series, the five largest.")
	line("")
	line("| target | groups |")
	line("|---|---|")
	for _, t := range c.Targets {
		groups := make([]string, min(5, len(t.Importance)))
		for i := range groups {
			groups[i] = fmt.Sprintf("%s %.2f", t.Importance[i].Group, t.Importance[i].Drop)
		}
		line("| %s | %s |", t.Name, strings.Join(groups, ", "))
	}
	line("")
	line("## Where it must not be used")
	line("")
	line("- For any other task, data, length of training, batch or schedule than the sweep's. Nothing here was learned from text, nor from a model of more than two million parameters.")
	line("- Outside the range of a number or for a variant that the sweep does not have: `outcrop predict` refuses; `--extrapolate` answers, and marks the answer.")
	line("- For combinations of variants: but for a few they were trained one at a time. The answer remarks on those that were not.")
	line("- For parameters called undetermined, and in place of training where a decision hangs on it: see the column *left out*.")
	_, err := io.WriteString(out, b.String())
	return err
}

func (c Card) determined() string {
	parts := make([]string, 0, len(paramNames))
	for _, name := range append(fit.Params("emergence"), "beta") {
		parts = append(parts, fmt.Sprintf("%s %d", name, c.Series-c.Open[name]))
	}
	return strings.Join(parts, ", ") + fmt.Sprintf(" of %d", c.Series)
}

// String writes the transform for a table.
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
