package main

import (
	"fmt"
	"io"
	"math"
	"text/tabwriter"

	"github.com/outcrop-lab/outcrop/experiments/results"
)

// printAcross prints those of the following that the sweep's fits yield: summaries over seeds, comparisons of arms, and
// scaling laws.
func printAcross(out io.Writer, a results.Across) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	title := func(text, head string) { _, _ = fmt.Fprintf(w, "\n%s\n%s\n", text, head) }
	begun := false
	for _, r := range a.Summaries {
		if r.Of < 2 || r.N == 0 {
			continue
		}
		if !begun {
			title("Over seeds: the median; low to high, which covers it with probability coverage; between, the standard\n"+
				"deviation of the seeds; within, the median half-width of their own intervals.",
				"sweep\tarm\tlayer\tquantity\tseeds\tmedian\tlow\thigh\tcoverage\tbetween\twithin")
			begun = true
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%d of %d\t%.4g\t%.4g\t%.4g\t%.3f\t%s\t%s\n",
			r.Sweep, r.Arm, r.Layer, r.Quantity, r.N, r.Of,
			float64(r.Median), float64(r.Interval[0]), float64(r.Interval[1]), float64(r.Coverage),
			show("%.3g", r.Between), show("%.3g", r.Within))
	}
	for i, r := range a.Comparisons {
		if i == 0 {
			title("Arms: the mean minus the first arm's, Welch's 95 % interval, and p of the exact permutation test.",
				"sweep\tarm\tagainst\tlayer\tquantity\tseeds\tdifference\tlow\thigh\tp\tsplits")
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%d, %d\t%.4g\t%s\t%s\t%.3g\t%d\n",
			r.Sweep, r.Arm, r.Against, r.Layer, r.Quantity, r.M, r.N,
			float64(r.Difference), finite(r.Interval[0]), finite(r.Interval[1]), float64(r.P), r.Splits)
	}
	for i, r := range a.Scalings {
		if i == 0 {
			title("Scaling: the exponent of quantity = c setting^exponent, and its 95 % interval, over runs that differ only\n"+
				"in the setting and the seed.",
				"sweep\tsetting\tlayer\tquantity\truns\texponent\tlow\thigh\tR^2")
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%d\t%.3f\t%.3f\t%.3f\t%.3f\n",
			r.Sweep, r.Factor, r.Layer, r.Quantity, r.N, float64(r.Exponent), float64(r.Interval[0]), float64(r.Interval[1]),
			float64(r.R2))
	}
	return w.Flush()
}

func finite(v results.Number) string {
	if math.IsInf(float64(v), 0) {
		return undetermined
	}
	return fmt.Sprintf("%.4g", float64(v))
}
