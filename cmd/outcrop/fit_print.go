package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/outcrop-lab/outcrop/experiments/results"
	"github.com/outcrop-lab/outcrop/fit"
)

// undetermined is printed in place of a number that does not exist or that the data do not determine.
const undetermined = "—"

// seriesKey identifies a fitted series.
type seriesKey struct {
	arm, run, series string
	layer            int
}

func keyOf(r results.FitRow) seriesKey { return seriesKey{r.Arm, r.Run, r.Series, r.Layer} }

// printFits prints the emergence curve of each series, then remarks as numbered notes, then a comparison with the rival
// families.
func printFits(out io.Writer, rows []results.FitRow, steps string) error {
	families := map[seriesKey]map[string]results.FitRow{}
	for _, r := range rows {
		if families[keyOf(r)] == nil {
			families[keyOf(r)] = map[string]results.FitRow{}
		}
		families[keyOf(r)][r.Family] = r
	}
	place, head := placeOf, "arm\tseed\tlayer"
	if steps != "" {
		place, head = func(r results.FitRow) string { return r.Series }, "series"
		_, _ = fmt.Fprintf(out, "fits over %q; t_peak, decay = 1/(lambda gamma) and rise are in its unit\n",
			steps)
	} else if len(rows) > 0 {
		_, _ = fmt.Fprintf(out, "fits of %s; t_peak, decay = 1/(lambda gamma) and rise are in steps\n", rows[0].Series)
	}
	var notes []string
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(w, "%s\tA\tlambda\tgamma\tt0\tK\tdecay\tR^2\tt_peak\tf(t_peak)\trise\tregime\tbest\tnotes\n", head)
	for _, r := range rows {
		if r.Family != "emergence" {
			continue
		}
		_, _ = fmt.Fprint(w, place(r))
		for _, name := range fit.Params("emergence") {
			text := fmt.Sprintf("%.4g", float64(r.Params[name]))
			if slices.Contains(r.Undetermined, name) {
				text = undetermined
			}
			_, _ = fmt.Fprint(w, "\t", text)
		}
		peak, height := undetermined, undetermined
		if r.PeakSeen {
			peak, height = show("%.5g", r.TPeak), show("%.4g", r.FPeak)
		} else if !math.IsNaN(float64(r.TPeak)) {
			peak = "later"
		}
		_, _ = fmt.Fprintf(w, "\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
			show("%.4g", r.Decay()), show("%.4f", r.R2), peak, height, show("%.4g", r.RiseTime), short(r.Regime),
			bestOf(families[keyOf(r)]), noted(&notes, r.Message))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	printNotes(out, notes)
	return printRivals(out, rows, families, place, head)
}

func placeOf(r results.FitRow) string { return fmt.Sprintf("%s\t%d\t%d", r.Arm, r.Seed, r.Layer) }

func show(format string, v results.Number) string {
	if math.IsNaN(float64(v)) {
		return undetermined
	}
	return fmt.Sprintf(format, float64(v))
}

func short(regime string) string {
	if regime == "" {
		return undetermined
	}
	return strings.ReplaceAll(regime, "logarithmic", "log")
}

func bestOf(families map[string]results.FitRow) string {
	for _, r := range families {
		if r.Best {
			return r.Family
		}
	}
	return undetermined
}

// noted splits a message at each "; " and returns the numbers that its parts have among the notes. It adds the parts
// that are not among the notes yet.
func noted(notes *[]string, message string) string {
	var numbers []string
	for part := range strings.SplitSeq(message, "; ") {
		if part == "" {
			continue
		}
		i := slices.Index(*notes, part)
		if i < 0 {
			i = len(*notes)
			*notes = append(*notes, part)
		}
		numbers = append(numbers, fmt.Sprint(i+1))
	}
	return strings.Join(numbers, ",")
}

// pageWidth is the width of the notes in columns.
const pageWidth = 120

func printNotes(out io.Writer, notes []string) {
	for i, note := range notes {
		for _, line := range wrap(fmt.Sprintf("%4d  ", i+1), note, pageWidth) {
			_, _ = fmt.Fprintln(out, line)
		}
	}
}

// wrap breaks a text into lines of at most width bytes, unless a single word is longer. The first line begins with
// label, and the other lines are indented by the length of label.
func wrap(label, text string, width int) (lines []string) {
	line := label
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > width {
			lines = append(lines, strings.TrimRight(line, " "))
			line = strings.Repeat(" ", len(label))
		}
		line += word + " "
	}
	return append(lines, strings.TrimRight(line, " "))
}

// printRivals prints, for each family, by how much its AICc exceeds that of the best family. It adds the family's
// Akaike weight if the weight is at least .01.
func printRivals(out io.Writer, rows []results.FitRow, families map[seriesKey]map[string]results.FitRow,
	place func(results.FitRow) string, head string) error {
	_, _ = fmt.Fprint(out, "\nAICc minus that of the best family (Akaike weight if at least .01)\n")
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, head+"\t"+strings.Join(fit.Families(), "\t"))
	for _, r := range rows {
		if !r.Best {
			continue
		}
		_, _ = fmt.Fprint(w, place(r))
		for _, name := range fit.Families() {
			text := undetermined
			if f, ok := families[keyOf(r)][name]; ok && !math.IsNaN(float64(f.AICc)) {
				text = fmt.Sprintf("%.1f", float64(f.AICc-r.AICc))
				if f.Weight >= 0.01 {
					text += strings.Replace(fmt.Sprintf(" (%.2f)", float64(f.Weight)), "(0.", "(.", 1)
				}
			}
			_, _ = fmt.Fprint(w, "\t", text)
		}
		_, _ = fmt.Fprintln(w)
	}
	return w.Flush()
}
