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

	"github.com/spf13/cobra"

	"github.com/outcrop-lab/outcrop/configs"
	"github.com/outcrop-lab/outcrop/experiments/results"
	"github.com/outcrop-lab/outcrop/experiments/sweep"
	"github.com/outcrop-lab/outcrop/fit"
	"github.com/outcrop-lab/outcrop/plots"
	"github.com/outcrop-lab/outcrop/predict"
	"github.com/outcrop-lab/outcrop/store"
	"github.com/outcrop-lab/outcrop/variant"
)

// estimateRow is a forecast and its 90 % interval. An end that is no number is null.
type estimateRow struct {
	Value results.Number `json:"value"`
	Low   results.Number `json:"low"`
	High  results.Number `json:"high"`
}

// pointRow is one point of a forecast curve.
type pointRow struct {
	Step results.Number `json:"step"`
	estimateRow
}

// measuredRow is the measured curve of a block in one run.
type measuredRow struct {
	Run    string           `json:"run"`
	Seed   uint64           `json:"seed"`
	Steps  []results.Number `json:"steps"`
	Values []results.Number `json:"values"`
}

// throughRow is the emergence curve fitted to the points of a forecast curve.
type throughRow struct {
	Params       map[string]results.Number `json:"params"`
	Undetermined []string                  `json:"undetermined"`
	R2           results.Number            `json:"r2"`
}

// layerRow is the forecast for one block.
type layerRow struct {
	Layer    int                    `json:"layer"`
	Params   map[string]estimateRow `json:"params"`
	Curve    []pointRow             `json:"curve"`
	Through  throughRow             `json:"through"`
	Measured []measuredRow          `json:"measured"`
}

// predictDocument is the document of predict --json.
type predictDocument struct {
	Arch         string            `json:"arch"`
	Extrapolated bool              `json:"extrapolated"`
	Outside      []predict.Outside `json:"outside"`
	Remarks      []string          `json:"remarks"`
	// LeftOut is the name of this architecture if the predictor was trained on it, and "" otherwise. Its own series are
	// then left out of the forecast.
	LeftOut      string                    `json:"left_out"`
	Undetermined []string                  `json:"undetermined"` // parameters without a meaning of their own
	LeftOutR2    map[string]results.Number `json:"left_out_r2"`  // by target, with each architecture left out in turn
	Layers       []layerRow                `json:"layers"`
	Figure       string                    `json:"figure"`
	Caption      string                    `json:"caption"`
}

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
		document := predictRows(arch, p, predicted, measured)
		if figure != "" {
			if document.Caption, err = plots.DrawForecast(figure, forecast(document, predicted, measured)); err != nil {
				return asInput(err)
			}
			document.Figure = figure
		}
		if asJSON {
			return json.NewEncoder(cmd.OutOrStdout()).Encode(document)
		}
		return document.print(cmd.OutOrStdout(), p)
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

// predictorFor loads the predictor that is part of the program, and resolves an architecture over the base of the sweep
// that the predictor was trained on.
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
	trained, err := sweep.LoadBytes(p.Card.Sweep+".yaml", src)
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

// measuredOf reads the measurements of an architecture from the database; there are none without a database.
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

func estimated(e predict.Estimate) estimateRow {
	return estimateRow{results.Number(e.Value), results.Number(e.Low), results.Number(e.High)}
}

func predictRows(arch string, p *predict.Predictor, predicted predict.Prediction,
	measured []predict.Measured) predictDocument {
	d := predictDocument{Arch: arch, Extrapolated: len(predicted.Outside) > 0,
		Outside: append([]predict.Outside{}, predicted.Outside...),
		Remarks: append([]string{}, predicted.Remarks...), LeftOut: predicted.LeftOut,
		Undetermined: append([]string{}, predicted.Undetermined...), LeftOutR2: map[string]results.Number{}}
	for _, t := range p.Card.Targets {
		d.LeftOutR2[t.Name] = results.Number(t.LeftOutR2)
	}
	for _, l := range predicted.Layers {
		row := layerRow{Layer: l.Layer, Params: map[string]estimateRow{}, Measured: []measuredRow{},
			Through: throughRow{results.Numbers(l.Through.Params), append([]string{}, l.Through.Undetermined...),
				results.Number(l.Through.R2)}}
		for name, e := range l.Params {
			row.Params[name] = estimated(e)
		}
		for i, e := range l.Curve {
			row.Curve = append(row.Curve, pointRow{results.Number(l.Steps[i]), estimated(e)})
		}
		for _, m := range measured {
			if m.Layer == l.Layer {
				row.Measured = append(row.Measured, measuredRow{m.Run, m.Seed, listed(m.Steps), listed(m.Values)})
			}
		}
		d.Layers = append(d.Layers, row)
	}
	return d
}

func listed(values []float64) []results.Number {
	out := make([]results.Number, len(values))
	for i, v := range values {
		out[i] = results.Number(v)
	}
	return out
}

// source says whether the predictor was trained on the architecture.
func (d predictDocument) source() string {
	if d.LeftOut != "" {
		return fmt.Sprintf("The predictor was trained on this architecture (%s); its own series were left out.", d.LeftOut)
	}
	return "The predictor has not seen this architecture."
}

// warning says why a forecast may be wrong.
func (d predictDocument) warning() string {
	var parts []string
	if d.Extrapolated {
		var keys []string
		for _, o := range d.Outside {
			keys = append(keys, fmt.Sprintf("%s: %s (trained: %s)", o.Key, o.Value, o.Trained))
		}
		parts = append(parts, "EXTRAPOLATED beyond the training range: "+strings.Join(keys, "; ")+
			". The interval does not hold here.")
	}
	for _, r := range d.Remarks {
		parts = append(parts, strings.ToUpper(r[:1])+r[1:]+".")
	}
	return strings.Join(parts, " ")
}

// forecast returns the data of the figure: the curves at 200 steps, evenly spaced on the figure's axis.
func forecast(d predictDocument, predicted predict.Prediction, measured []predict.Measured) plots.Forecast {
	f := plots.Forecast{Name: d.Arch, Source: d.source(), Warning: d.warning()}
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

// print writes the parameters and the curve, each with its interval, and how far to trust them.
func (d predictDocument) print(out io.Writer, p *predict.Predictor) error {
	_, _ = fmt.Fprintf(out, "%s: top-1/median of |h| after each block, forecast from %d architectures of the sweep %s, ",
		d.Arch, p.Card.Architectures, p.Card.Sweep)
	_, _ = fmt.Fprintln(out, "with 90 % intervals")
	_, _ = fmt.Fprintln(out, d.source())
	if warning := d.warning(); warning != "" {
		_, _ = fmt.Fprintln(out, warning)
	}
	_, _ = fmt.Fprintln(out)
	if err := d.printTables(out); err != nil {
		return err
	}
	d.printNotes(out)
	return nil
}

// printTables writes the parameters and the curve of each layer, and below each column its R^2.
func (d predictDocument) printTables(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(w, "layer\t%s\tdecay\n", strings.Join(fit.Params("emergence"), "\t"))
	for _, l := range d.Layers {
		_, _ = fmt.Fprint(w, l.Layer)
		for _, name := range fit.Params("emergence") {
			_, _ = fmt.Fprint(w, "\t", d.cell(name, l.Params[name]))
		}
		beta := l.Params["beta"]
		_, _ = fmt.Fprintln(w, "\t"+d.cell("beta", estimateRow{1 / beta.Value, 1 / beta.High, 1 / beta.Low}))
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
			_, _ = fmt.Fprint(w, "\t", point.estimateRow)
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

// printNotes writes how far to trust the tables, which runs were measured, and where the figure is.
func (d predictDocument) printNotes(out io.Writer) {
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

// cell formats a parameter with its interval, or as a dash if it is undetermined.
func (d predictDocument) cell(name string, e estimateRow) string {
	if slices.Contains(d.Undetermined, name) {
		return undetermined
	}
	return e.String()
}

func (e estimateRow) String() string {
	return fmt.Sprintf("%.3g [%.3g, %.3g]", float64(e.Value), float64(e.Low), float64(e.High))
}
