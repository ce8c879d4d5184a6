package main

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"

	"github.com/outcrop-lab/outcrop/count"
	"github.com/outcrop-lab/outcrop/experiments/results"
)

// mostAnswers is the number of arms whose answers are printed.
const mostAnswers = 20

// printAnswers prints what each arm came to, a line an arm, and then what that means against the first arm.
func printAnswers(out io.Writer, all []results.Answer) error {
	if len(all) == 0 {
		return nil
	}
	_, _ = fmt.Fprintf(out, "\nwhat came out: means over seeds at the last step (lowest to highest)\n")
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "arm\truns\tratio at step 0\tratio\tattention to the first token\tkurtosis\theld-out loss")
	for _, a := range all[:min(len(all), mostAnswers)] {
		runs := fmt.Sprint(a.Runs)
		if a.Diverged > 0 {
			runs += fmt.Sprintf(", %d diverged", a.Diverged)
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", oneLine(a.Arm), runs, spread(a.Begin, 1), spread(a.Ratio, 1),
			spread(a.Sink, 2), spread(a.Kurtosis, 1), spread(a.Loss, 3))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if n := len(all) - mostAnswers; n > 0 {
		_, _ = fmt.Fprintf(out, "and %s: see the report\n", count.Of(n, "more arm"))
	}
	_, err := fmt.Fprintln(out, "ratio: the largest |h| of the residual stream over its median, in the block where it is "+
		"largest;\nattention: in the head where it is largest; kurtosis: in the block where it is largest")
	if text := against(all); text != "" {
		_, err = fmt.Fprintln(out, text)
	}
	return err
}

// spread formats a mean with its lowest and highest value.
func spread(s results.Spread, decimals int) string {
	if math.IsNaN(float64(s.Mean)) {
		return "-"
	}
	text := func(n results.Number) string {
		scale := math.Pow(10, float64(decimals))
		return fmt.Sprintf("%.*f", decimals, math.Round(float64(n)*scale)/scale+0) // + 0 makes 0 of -0
	}
	if s.Low == s.High {
		return text(s.Mean)
	}
	return fmt.Sprintf("%s (%s to %s)", text(s.Mean), text(s.Low), text(s.High))
}

// against says how the first arm grew, and how the others compare with it. It is "" if the first arm has no ratio.
func against(all []results.Answer) string {
	first := all[0]
	if math.IsNaN(float64(first.Ratio.Mean)) || math.IsNaN(float64(first.Begin.Mean)) {
		return ""
	}
	lines := []string{fmt.Sprintf("\nin %s the largest activation grew from %.1f to %.1f medians", oneLine(first.Arm),
		float64(first.Begin.Mean), float64(first.Ratio.Mean))}
	for _, a := range all[1:min(len(all), mostAnswers)] {
		var parts []string
		for _, c := range []struct {
			name      string
			own, than results.Spread
		}{{"the ratio", a.Ratio, first.Ratio}, {"the attention", a.Sink, first.Sink}} {
			if !math.IsNaN(float64(c.own.Mean)) && c.than.Mean > 0 {
				parts = append(parts, fmt.Sprintf("%.2f times %s", float64(c.own.Mean/c.than.Mean), c.name))
			}
		}
		if !math.IsNaN(float64(a.Kurtosis.Mean)) && !math.IsNaN(float64(first.Kurtosis.Mean)) {
			parts = append(parts, fmt.Sprintf("kurtosis %.1f for %.1f", float64(a.Kurtosis.Mean), float64(first.Kurtosis.Mean)))
		}
		if !math.IsNaN(float64(a.Loss.Mean)) && !math.IsNaN(float64(first.Loss.Mean)) {
			parts = append(parts, fmt.Sprintf("loss %+.3f", float64(a.Loss.Mean-first.Loss.Mean)))
		}
		if len(parts) > 0 {
			lines = append(lines, fmt.Sprintf("%s has %s", oneLine(a.Arm), strings.Join(parts, ", ")))
		}
	}
	return strings.Join(lines, "\n")
}
