package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/outcrop-lab/outcrop/count"
	"github.com/outcrop-lab/outcrop/experiments/results"

	"github.com/spf13/cobra"

	"github.com/outcrop-lab/outcrop/configs"
	"github.com/outcrop-lab/outcrop/experiments/sweep"
	"github.com/outcrop-lab/outcrop/fit"
	"github.com/outcrop-lab/outcrop/plots"
	"github.com/outcrop-lab/outcrop/predict"
	"github.com/outcrop-lab/outcrop/store"
	"github.com/outcrop-lab/outcrop/variant"
)

func predictCommand(s *preferences) *cobra.Command {
	asJSON, extrapolate, card, arch, figure := false, false, false, "", ""
	cmd := &cobra.Command{Use: "predict", Short: "Forecast the emergence curve of each layer before training"}
	cmd.Args = arguments(cobra.NoArgs)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if card {
			_, err := io.WriteString(cmd.OutOrStdout(), predict.CardText())
			return err
		}
		if arch == "" {
			return usageError{errors.New("--arch: wants a preset or a .yaml file in the form of a preset")}
		}
		p, a, err := predictorFor(arch)
		if err != nil {
			return err
		}
		predicted, err := p.Predict(a, extrapolate)
		if outside := new(predict.OutsideError); errors.As(err, &outside) {
			return usageError{fmt.Errorf("%w; --extrapolate forecasts it nevertheless and marks the result", err)}
		}
		if err != nil {
			return err
		}
		measured, err := s.measuredOf(a)
		if err != nil {
			return err
		}
		document := results.PredictionOf(arch, p, predicted, measured)
		if figure != "" {
			drawn, err := plots.DrawForecast(figure, forecast(document, predicted, measured))
			if err != nil {
				return asInput(err)
			}
			document.Figure, document.Caption = figure, drawn.Caption
			s.warn(figure, drawn.Warning)
		}
		if asJSON {
			return json.NewEncoder(cmd.OutOrStdout()).Encode(document)
		}
		return printPrediction(cmd.OutOrStdout(), document, p)
	}
	f := cmd.Flags()
	f.StringVar(&arch, "arch", "",
		"architecture: a preset, or a .yaml file in the form of one, over the base of the sweep predictor")
	f.StringVar(&figure, "out", "",
		"draw the curves to this .svg or .png, beside measured ones if the database has them")
	f.BoolVar(&extrapolate, "extrapolate", false,
		"forecast even outside the range that the predictor was trained on, and mark the result")
	f.BoolVar(&card, "card", false, "print the predictor's model card")
	f.BoolVar(&asJSON, "json", false, "print one JSON document, with every parameter")
	return cmd
}

// predictorFor loads the predictor that is part of the program. It resolves an architecture, taking the settings that
// arch does not give from the base of the sweep on which the predictor was trained.
func predictorFor(arch string) (*predict.Predictor, predict.Arch, error) {
	p, err := predict.Load()
	if err != nil {
		return nil, predict.Arch{}, err
	}
	src, ok := configs.Sweep(p.Card.Sweep)
	if !ok {
		return nil, predict.Arch{}, fmt.Errorf("the predictor was trained on the sweep %q, which is not embedded",
			p.Card.Sweep)
	}
	trained, err := sweep.LoadEmbedded(p.Card.Sweep+".yaml", src)
	if err != nil {
		return nil, predict.Arch{}, err
	}
	config, err := trained.Over(arch)
	if at := new(variant.Error); errors.As(err, &at) {
		return nil, predict.Arch{}, usageError{fmt.Errorf("--arch: %s", at.Message)}
	}
	if err != nil {
		return nil, predict.Arch{}, err
	}
	a, err := predict.ParseArch(config)
	return p, a, err
}

// measuredOf reads the measurements of an architecture from the database. If there is no database, it returns none.
func (s *preferences) measuredOf(a predict.Arch) (measured []predict.Measured, err error) {
	err = s.reading(func(db *store.DB) error {
		measured, err = predict.MeasuredOf(db, a)
		return err
	})
	if errors.Is(err, store.ErrMissing) {
		return nil, nil
	}
	return measured, err
}

// forecast returns the data of the figure. It evaluates the curves at 200 steps that are evenly spaced on the figure's
// axis.
func forecast(d results.Prediction, predicted predict.Prediction, measured []predict.Measured) plots.Forecast {
	f := plots.Forecast{Name: d.Arch, Source: d.Source(), Warning: d.Caveat()}
	for _, l := range predicted.Layers {
		row := plots.Foretold{Layer: l.Layer}
		last := l.Steps[len(l.Steps)-1]
		for i := range 200 {
			row.Steps = append(row.Steps, min(last, math.Expm1(math.Log1p(last)*float64(i)/199)))
		}
		for _, e := range l.At(row.Steps) {
			row.Value, row.Low, row.High = append(row.Value, e.Value), append(row.Low, e.Low), append(row.High, e.High)
		}
		for _, m := range measured {
			if m.Layer == l.Layer {
				row.Measured = append(row.Measured,
					plots.Measured{Run: m.Run, Seed: m.Seed, Steps: m.Steps, Values: m.Values})
			}
		}
		f.Layers = append(f.Layers, row)
	}
	return f
}

// printPrediction writes the predicted parameters and curves with their intervals, and notes on how far to trust them.
func printPrediction(out io.Writer, d results.Prediction, p *predict.Predictor) error {
	_, _ = fmt.Fprintf(out, "%s: top-1/median of |h| after each block, forecast from %s of the sweep %s, ",
		d.Arch, count.Of(p.Card.Architectures, "architecture"), p.Card.Sweep)
	_, _ = fmt.Fprintln(out, "with 90 % intervals")
	_, _ = fmt.Fprintln(out, d.Source())
	if warning := d.Caveat(); warning != "" {
		_, _ = fmt.Fprintln(out, warning)
	}
	_, _ = fmt.Fprintln(out)
	if err := printPredictionTables(out, d); err != nil {
		return err
	}
	printPredictionNotes(out, d)
	return nil
}

// printPredictionTables writes a table of each layer's parameters and a table of each layer's curve, with the R^2 of
// each column below it.
func printPredictionTables(out io.Writer, d results.Prediction) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(w, "layer\t%s\tdecay\n", strings.Join(fit.Params("emergence"), "\t"))
	for _, l := range d.Layers {
		_, _ = fmt.Fprint(w, l.Layer)
		for _, name := range fit.Params("emergence") {
			_, _ = fmt.Fprint(w, "\t", cell(d, name, l.Params[name]))
		}
		beta := l.Params["beta"]
		decay := results.Estimate{Value: 1 / beta.Value, Low: 1 / beta.High, High: 1 / beta.Low}
		_, _ = fmt.Fprintln(w, "\t"+cell(d, "beta", decay))
	}
	_, _ = fmt.Fprint(w, "R^2")
	for _, name := range append(fit.Params("emergence"), "beta") {
		_, _ = fmt.Fprintf(w, "\t%.2f", float64(d.LeftOutR2[name]))
	}
	_, _ = fmt.Fprint(w, "\n\nlayer")
	for _, point := range d.Layers[0].Curve {
		_, _ = fmt.Fprintf(w, "\tf(%g)", float64(point.Step))
	}
	_, _ = fmt.Fprintln(w)
	for _, l := range d.Layers {
		_, _ = fmt.Fprint(w, l.Layer)
		for _, point := range l.Curve {
			_, _ = fmt.Fprint(w, "\t", point.Estimate)
		}
		_, _ = fmt.Fprintln(w)
	}
	_, _ = fmt.Fprint(w, "R^2")
	for _, point := range d.Layers[0].Curve {
		_, _ = fmt.Fprintf(w, "\t%.2f", float64(d.LeftOutR2[fmt.Sprintf("f(%g)", float64(point.Step))]))
	}
	_, _ = fmt.Fprintln(w)
	return w.Flush()
}

// printPredictionNotes writes how far to trust the tables, which runs were measured, and where the figure is.
func printPredictionNotes(out io.Writer, d results.Prediction) {
	_, _ = fmt.Fprintln(out, "\nR^2: of the transformed value, with each architecture left out in turn. "+
		"decay = 1/(lambda gamma) in steps.")
	if len(d.Undetermined) > 0 {
		_, _ = fmt.Fprintf(out, "%s: too few training series determine %s.\n", undetermined, strings.Join(d.Undetermined,
			", "))
	}
	var blind []string
	for _, name := range append(fit.Params("emergence"), "beta") {
		if d.LeftOutR2[name] <= 0 && !slices.Contains(d.Undetermined, name) {
			blind = append(blind, name)
		}
	}
	if len(blind) > 0 {
		_, _ = fmt.Fprintf(out, "No better than the mean over all architectures: %s.\n", strings.Join(blind, ", "))
	}
	var runs []string
	for _, l := range d.Layers {
		for _, m := range l.Measured {
			if run := fmt.Sprintf("%.12s (seed %d)", m.Run, m.Seed); !slices.Contains(runs, run) {
				runs = append(runs, run)
			}
		}
	}
	if len(runs) > 0 {
		_, _ = fmt.Fprintf(out, "measured  %s\n", strings.Join(runs, ", "))
	}
	if d.Figure != "" {
		_, _ = fmt.Fprintf(out, "figure    %s\n%s\n", d.Figure, d.Caption)
	}
}

// cell formats a parameter with its interval. It returns a dash if the parameter is undetermined.
func cell(d results.Prediction, name string, e results.Estimate) string {
	if slices.Contains(d.Undetermined, name) {
		return undetermined
	}
	return e.String()
}
