package results

import (
	"fmt"
	"strings"

	"github.com/outcrop-lab/outcrop/predict"
)

// Estimate is a forecast and its 90 % interval. As JSON, an end of the interval that is not a finite number is null.
type Estimate struct {
	Value Number `json:"value"`
	Low   Number `json:"low"`
	High  Number `json:"high"`
}

// PredictedPoint is one point of a forecast curve.
type PredictedPoint struct {
	Step Number `json:"step"`
	Estimate
}

// MeasuredCurve is the measured curve of a block in one run.
type MeasuredCurve struct {
	Run    string   `json:"run"`
	Seed   uint64   `json:"seed"`
	Steps  []Number `json:"steps"`
	Values []Number `json:"values"`
}

// Through is the emergence curve fitted to the points of a forecast curve.
type Through struct {
	Params       map[string]Number `json:"params"`
	Undetermined []string          `json:"undetermined"`
	R2           Number            `json:"r2"`
}

// PredictedLayer is the forecast for one block.
type PredictedLayer struct {
	Layer    int                 `json:"layer"`
	Params   map[string]Estimate `json:"params"`
	Curve    []PredictedPoint    `json:"curve"`
	Through  Through             `json:"through"`
	Measured []MeasuredCurve     `json:"measured"`
}

// Prediction is what `predict --json` prints.
type Prediction struct {
	Arch         string            `json:"arch"`
	Extrapolated bool              `json:"extrapolated"`
	Outside      []predict.Outside `json:"outside"`
	Remarks      []string          `json:"remarks"`
	// LeftOut is the name of this architecture if the predictor was trained on the architecture; the forecast then
	// leaves out the architecture's own series. Otherwise LeftOut is "".
	LeftOut      string            `json:"left_out"`
	Undetermined []string          `json:"undetermined"` // parameters without a meaning of their own
	LeftOutR2    map[string]Number `json:"left_out_r2"`  // by target, each architecture left out in turn
	Layers       []PredictedLayer  `json:"layers"`
	Figure       string            `json:"figure"`
	Caption      string            `json:"caption"`
}

// estimated returns an estimate as a document holds it.
func estimated(e predict.Estimate) Estimate {
	return Estimate{Number(e.Value), Number(e.Low), Number(e.High)}
}

// PredictionOf returns the document of a forecast, together with the measured curves of the same architecture.
func PredictionOf(arch string, p *predict.Predictor, predicted predict.Prediction,
	measured []predict.Measured) Prediction {
	d := Prediction{Arch: arch, Extrapolated: len(predicted.Outside) > 0,
		Outside: append([]predict.Outside{}, predicted.Outside...),
		Remarks: append([]string{}, predicted.Remarks...), LeftOut: predicted.LeftOut,
		Undetermined: append([]string{}, predicted.Undetermined...), LeftOutR2: map[string]Number{}}
	for _, t := range p.Card.Targets {
		d.LeftOutR2[t.Name] = Number(t.LeftOutR2)
	}
	for _, l := range predicted.Layers {
		row := PredictedLayer{Layer: l.Layer, Params: map[string]Estimate{}, Measured: []MeasuredCurve{},
			Through: Through{Numbers(l.Through.Params), append([]string{}, l.Through.Undetermined...),
				Number(l.Through.R2)}}
		for name, e := range l.Params {
			row.Params[name] = estimated(e)
		}
		for i, e := range l.Curve {
			row.Curve = append(row.Curve, PredictedPoint{Number(l.Steps[i]), estimated(e)})
		}
		for _, m := range measured {
			if m.Layer == l.Layer {
				row.Measured = append(row.Measured, MeasuredCurve{m.Run, m.Seed, inNumbers(m.Steps), inNumbers(m.Values)})
			}
		}
		d.Layers = append(d.Layers, row)
	}
	return d
}

// inNumbers returns values as a document holds them.
func inNumbers(values []float64) []Number {
	out := make([]Number, len(values))
	for i, v := range values {
		out[i] = Number(v)
	}
	return out
}

// Source says whether the predictor was trained on the architecture.
func (d Prediction) Source() string {
	if d.LeftOut != "" {
		return fmt.Sprintf("The predictor was trained on this architecture (%s); its own series were left out.", d.LeftOut)
	}
	return "The predictor has not seen this architecture."
}

// Caveat says why a forecast may be wrong.
func (d Prediction) Caveat() string {
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

// String returns the value with its interval: "3.1 [2.8, 3.5]".
func (e Estimate) String() string {
	return fmt.Sprintf("%.3g [%.3g, %.3g]", float64(e.Value), float64(e.Low), float64(e.High))
}
