package plots

import (
	"math"
	"strconv"

	"gonum.org/v1/plot"
)

// stepScale spaces steps by log(1 + step).
type stepScale struct{}

// Normalize implements plot.Normalizer.
func (stepScale) Normalize(lo, hi, x float64) float64 {
	return (math.Log1p(x) - math.Log1p(lo)) / (math.Log1p(hi) - math.Log1p(lo))
}

// logScale spaces equal ratios evenly. Values that are not positive lie far below the axis, where they are clipped.
type logScale struct{}

// Normalize implements plot.Normalizer.
func (logScale) Normalize(lo, hi, x float64) float64 {
	if !(x > 0) {
		return -1e3
	}
	return plot.LogScale{}.Normalize(lo, hi, x)
}

// stepTicks labels 0, 1, 10, 100 … and puts minor ticks between them.
type stepTicks struct{}

// Ticks implements plot.Ticker.
func (stepTicks) Ticks(lo, hi float64) []plot.Tick {
	ticks := []plot.Tick{{Value: 0, Label: "0"}}
	for decade := 1.0; decade <= hi; decade *= 10 {
		ticks = append(ticks, plot.Tick{Value: decade, Label: grouped(int(decade))})
		for k := 2.0; k < 10 && k*decade <= hi; k++ {
			ticks = append(ticks, plot.Tick{Value: k * decade})
		}
	}
	return ticks
}

// ratioTicks labels 1, 2 and 5 of each decade on a log axis, and only 1 if the axis spans more than two decades.
type ratioTicks struct{}

// Ticks implements plot.Ticker.
func (ratioTicks) Ticks(lo, hi float64) []plot.Tick {
	var ticks []plot.Tick
	wide := hi/lo > 100
	for decade := math.Pow(10, math.Floor(math.Log10(lo))); decade <= hi; decade *= 10 {
		for k := 1.0; k < 10; k++ {
			if v := k * decade; v >= lo*(1-1e-9) && v <= hi*(1+1e-9) {
				t := plot.Tick{Value: v}
				if k == 1 || !wide && (k == 2 || k == 5) {
					t.Label = short(v)
				}
				ticks = append(ticks, t)
			}
		}
	}
	return ticks
}

// roundTicks labels multiples of 1, 2 or 5 times a power of ten, four to eight of them.
type roundTicks struct{}

// Ticks implements plot.Ticker.
func (roundTicks) Ticks(lo, hi float64) []plot.Tick {
	power := math.Floor(math.Log10((hi - lo) / 8))
	step := math.Pow(10, power)
	for _, k := range []float64{1, 2, 5, 10} {
		if step = k * math.Pow(10, power); (hi-lo)/step <= 8 {
			break
		}
	}
	places := max(0, int(-math.Floor(math.Log10(step)+1e-9)))
	var ticks []plot.Tick
	for i := int(math.Ceil(lo/step - 1e-9)); i <= int(math.Floor(hi/step+1e-9)); i++ {
		v := float64(i) * step
		ticks = append(ticks, plot.Tick{Value: v, Label: strconv.FormatFloat(v, 'f', places, 64)})
	}
	return ticks
}

// places puts labelled ticks at the given values.
type places []float64

// Ticks implements plot.Ticker.
func (at places) Ticks(float64, float64) []plot.Tick {
	ticks := make([]plot.Tick, len(at))
	for i, x := range at {
		ticks[i] = plot.Tick{Value: x, Label: grouped(int(x))}
	}
	return ticks
}

// apply sets the range, the scale and the ticks of a plot's axis to those of a.
func (a Axis) apply(to *plot.Axis) {
	to.Min, to.Max = a.Min, a.Max
	switch a.Scale {
	case Steps:
		to.Scale, to.Tick.Marker = stepScale{}, stepTicks{}
	case Log:
		to.Scale, to.Tick.Marker = logScale{}, ratioTicks{}
	default:
		to.Tick.Marker = roundTicks{}
	}
	if a.Ticks != nil {
		to.Tick.Marker = places(a.Ticks)
	}
}

const stepLabel = "training step (updates)"

// stepAxis returns an axis from step 0 to the last.
func stepAxis(label string, last float64) Axis {
	return Axis{Label: label, Scale: Steps, Max: max(last, 1)}
}

// shareAxis returns an axis from 0 to 1.
func shareAxis(label string) Axis { return Axis{Label: label, Scale: Linear, Max: 1} }

// blockAxis returns an axis over blocks. It labels at most a dozen of them and leaves room beside the first and the
// last.
func blockAxis(layers []int, room float64) Axis {
	a := Axis{Label: "block", Scale: Linear, Min: float64(layers[0]) - room, Max: float64(layers[len(layers)-1]) + room}
	every := (len(layers) + 11) / 12
	for i := 0; i < len(layers); i += every {
		a.Ticks = append(a.Ticks, float64(layers[i]))
	}
	return a
}

// axisOver returns an axis that covers all values with some room on both sides. It is logarithmic if the values are all
// positive and span more than a decade.
func axisOver(label string, values extent) Axis {
	lo, hi := values.lo, values.hi
	if lo > 0 && hi/lo > 10 {
		room := math.Pow(hi/lo, .06)
		return Axis{Label: label, Scale: Log, Min: lo / room, Max: hi * room}
	}
	room := .06 * (hi - lo)
	if room == 0 {
		room = .5
	}
	a := Axis{Label: label, Scale: Linear, Min: lo - room, Max: hi + room}
	if lo >= 0 {
		a.Min = max(a.Min, 0)
	}
	return a
}

// grouped writes 12000 as 12,000.
func grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// short writes three significant digits, and 1,000 to 999,999 as grouped integers.
func short(v float64) string {
	if a := math.Abs(v); a >= 1000 && a < 1e6 {
		return grouped(int(math.Round(v)))
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}
