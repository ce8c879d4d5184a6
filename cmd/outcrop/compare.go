package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/outcrop-lab/outcrop/experiments/results"
	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/store"
	"github.com/outcrop-lab/outcrop/trainer"
)

func compareCommand(s *preferences) *cobra.Command {
	asJSON, o := false, results.CompareOptions{Step: -1}
	cmd := &cobra.Command{Use: "compare RUN|SWEEP…",
		Short: "Show in which keys runs or arms differ, and compare their metrics",
		Long: `Show in which keys runs or arms differ, and compare their metrics. A name is a
run's id, the beginning of one, SWEEP/ARM/SEED, SWEEP/ARM, or SWEEP, which gives
each of its arms a column.

A metric is taken at a run's last step. If a column has several seeds, it shows
the mean over those that are done, the mean's 95 % interval by Student's t, and
their number; one seed has no interval. Columns that share seeds are also
compared with the first column seed by seed. Arms with the same seed share their
batches, so the interval of that difference is the one to look at.

--metrics takes whatever the runs measured, as SITE/STATISTIC, layer by layer. A
statistic of several heads is the mean over them; one of several sequences,
channels or positions is the median over them.`,
		Args: arguments(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("step") && o.Step < 0 {
				return usageError{fmt.Errorf("--step: wants a step of at least 0, got %d", o.Step)}
			}
			o.Names = args
			standard := trainer.Default()
			o.Keys, o.Files = settings.Keys(&standard), settings.FileKeys(&standard)
			return s.reading(func(db *store.DB) error {
				c, err := results.Compare(db, o)
				if err != nil {
					return err
				}
				if asJSON {
					return json.NewEncoder(cmd.OutOrStdout()).Encode(results.CompareDocumentOf(c))
				}
				return printComparison(cmd.OutOrStdout(), c)
			})
		}}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	cmd.Flags().StringSliceVar(&o.Metrics, "metrics", nil,
		"metrics to compare, as heldout_loss,resid_post/ratio_mean (default: the run's own metrics)")
	cmd.Flags().IntVar(&o.Step, "step", o.Step, "step to compare at (default: each run's last)")
	cmd.Flags().Lookup("step").DefValue = "0" // -1 stands for no step: the help does not show a zero default
	return cmd
}

func printComparison(out io.Writer, c results.Comparison) error {
	var names []string
	for _, column := range c.Columns {
		names = append(names, column.Name)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if len(c.Differing) == 0 {
		_, _ = fmt.Fprintln(out, "no key differs except the seed")
	} else {
		_, _ = fmt.Fprintf(w, "key\t%s\n", strings.Join(names, "\t"))
		for i, key := range c.Differing {
			_, _ = fmt.Fprint(w, key)
			for _, v := range c.Values[i] {
				text := undetermined
				if v != nil {
					text = fmt.Sprint(v)
				}
				_, _ = fmt.Fprintf(w, "\t%s", text)
			}
			_, _ = fmt.Fprintln(w)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, _ = fmt.Fprintln(out, "\nmean over n seeds [its 95 % interval by Student's t]; one seed has no interval")
	if err := printAggregates(out, names, c.Metrics); err != nil {
		return err
	}
	if len(c.Differences) > 0 {
		_, _ = fmt.Fprintf(out, "\ndifference from %s, seed by seed\n", names[0])
		if err := printAggregates(out, names[1:], c.Differences); err != nil {
			return err
		}
	}
	for _, note := range c.Notes {
		_, _ = fmt.Fprintln(out, note)
	}
	return nil
}

// printAggregates prints one line for each metric and layer, with a column for each of names.
func printAggregates(out io.Writer, names []string, all []results.Aggregate) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(w, "metric\tstep\t%s\n", strings.Join(names, "\t"))
	for len(all) > 0 {
		of := slices.IndexFunc(all, func(a results.Aggregate) bool {
			return a.Metric != all[0].Metric || a.Layer != all[0].Layer
		})
		if of < 0 {
			of = len(all)
		}
		label := all[0].Metric
		if all[0].Layer >= 0 {
			label = fmt.Sprintf("%s, layer %d", label, all[0].Layer)
		}
		_, _ = fmt.Fprintf(w, "%s\t%s", label, stepsOf(all[:of]))
		for _, name := range names {
			text := undetermined
			for _, a := range all[:of] {
				if a.Column == name {
					text = aggregateText(a)
				}
			}
			_, _ = fmt.Fprintf(w, "\t%s", text)
		}
		_, _ = fmt.Fprintln(w)
		all = all[of:]
	}
	return w.Flush()
}

// stepsOf formats the step at which the aggregates were taken, or the first and the last step if there are several.
func stepsOf(all []results.Aggregate) string {
	first, last := -1, -1
	for _, a := range all {
		if a.Steps[0] >= 0 && (first < 0 || a.Steps[0] < first) {
			first = a.Steps[0]
		}
		last = max(last, a.Steps[1])
	}
	switch {
	case first < 0:
		return undetermined
	case first == last:
		return fmt.Sprint(first)
	}
	return fmt.Sprintf("%d to %d", first, last)
}

func aggregateText(a results.Aggregate) string {
	switch a.N {
	case 0:
		return undetermined
	case 1:
		return fmt.Sprintf("%.5g n=1", a.Mean)
	}
	return fmt.Sprintf("%.5g [%.5g, %.5g] n=%d", a.Mean, a.Interval.Low, a.Interval.High, a.N)
}
