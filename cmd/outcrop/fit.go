package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/outcrop-lab/outcrop/experiments/results"
	"github.com/outcrop-lab/outcrop/fit"
	"github.com/outcrop-lab/outcrop/store"
	"github.com/outcrop-lab/outcrop/variant"
)

func fitCommand(s *preferences) *cobra.Command {
	asJSON := false
	var table tabled
	var how results.Fitting
	cmd := &cobra.Command{Use: "fit", Short: "Fit emergence curves and their rivals to stored series or a table"}
	cmd.Args = arguments(cobra.NoArgs)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := table.check(cmd); err != nil {
			return err
		}
		if err := how.Check(); err != nil {
			return usageError{fmt.Errorf("--%w", err)}
		}
		document := results.FitDocument{Fits: []results.FitRow{}, Across: results.NoneAcross()}
		fits := func() error { return fitStored(s, cmd.Flags(), how, &document) }
		if table.path != "" {
			fits = func() error { return table.fit(s, how.Options, &document) }
		}
		if err := fits(); err != nil {
			return err
		}
		if asJSON {
			return json.NewEncoder(cmd.OutOrStdout()).Encode(document)
		}
		if err := printFits(cmd.OutOrStdout(), document.Fits, document.StepColumn); err != nil {
			return err
		}
		if document.Figure != "" {
			_, _ = fmt.Fprintf(cmd.OutOrStdout(), "\nfigure    %s\n%s\n", document.Figure, document.Caption)
		}
		return printAcross(cmd.OutOrStdout(), document.Across)
	}
	f := cmd.Flags()
	f.BoolVar(&asJSON, "json", false, "print one JSON document, with every parameter")
	tableFlags(f, &table)
	fittingFlags(f, &how)
	return cmd
}

// fitStored fits the series of the database again and adds all stored fits to the document.
func fitStored(s *preferences, flags *pflag.FlagSet, how results.Fitting, document *results.FitDocument) error {
	if err := s.refit(flags, how); err != nil {
		return err
	}
	return eachSweep(s, "", func(db *store.DB, sweep string) error {
		rows, err := results.FitRows(db, sweep)
		if err != nil {
			return err
		}
		document.Fits = append(document.Fits, rows...)
		return document.Add(db, sweep, rows)
	})
}

// refit repeats the fits of the results. If they cannot be stored, it leaves the stored fits to be printed, unless a
// flag asks for others.
func (s *preferences) refit(flags *pflag.FlagSet, how results.Fitting) error {
	err := results.Refit(s.Results, how)
	if !errors.Is(err, store.ErrReadOnly) {
		return err
	}
	for _, name := range []string{"loss", "weights", "interval", "interval-seed"} {
		if flags.Changed(name) {
			return fmt.Errorf("%w; without --%s, outcrop fit prints the stored fits", err, name)
		}
	}
	s.log.Warn(s.database() + " cannot be written to: these are the stored fits")
	return nil
}

func fittingFlags(f *pflag.FlagSet, how *results.Fitting) {
	f.StringVar(&how.Loss, "loss", fit.LossSquares,
		"loss to minimise: "+strings.Join(fit.Losses(), " or ")+"; huber bounds the effect of a single point")
	f.StringVar(&how.Weights, "weights", results.WeightsSpread,
		"weights of the points: spread, by the standard error over the probe sequences if it is known, or equal")
	f.StringVar(&how.Interval, "interval", fit.IntervalProfile,
		"intervals of the parameters: "+strings.Join(fit.Intervals(), ", "))
	f.Uint64Var(&how.Seed, "interval-seed", 0, "seed of the bootstrap")
}

// asInput wraps err in a usageError if err contains a *variant.Error. It returns any other error unchanged.
func asInput(err error) error {
	var input *variant.Error
	if errors.As(err, &input) {
		return usageError{err}
	}
	return err
}
