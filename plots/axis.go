package plots

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
)

// stepScale spaces steps by log(1 + step/unit).
type stepScale struct{ unit float64 }

// Normalize implements plot.Normalizer.
func (s stepScale) Normalize(lo, hi, x float64) float64 {
	return (s.log(x) - s.log(lo)) / (s.log(hi) - s.log(lo))
}

func (s stepScale) log(x float64) float64 { return math.Log1p(x / s.unit) }

// logScale spaces equal ratios evenly. Values that are not positive lie far below the axis, where they are clipped.
type logScale struct{}

// Normalize implements plot.Normalizer.
func (logScale) Normalize(lo, hi, x float64) float64 {
	if !(x > 0) {
		return -1e3
	}
	return plot.LogScale{}.Normalize(lo, hi, x)
}

// stepTicks labels 0 and the powers of ten from the unit on, and puts minor ticks between them unless they are many. If
// the axis does not begin at step 0 and spans less than two decades, it labels twice and five times the powers as well.
type stepTicks struct {
	unit   float64
	powers bool // writes 1,000 as 10^3
}

// Ticks implements plot.Ticker.
func (s stepTicks) Ticks(lo, hi float64) []plot.Tick {
	var ticks []plot.Tick
	if lo <= 0 {
		ticks = append(ticks, plot.Tick{Value: 0, Label: "0"})
	}
	s.powers = s.powers || hi >= plainBelow || s.unit < 1/plainBelow
	least := max(lo, s.unit)
	short, many := lo > 0 && hi/least < 100, hi/least > 1e10
	for exponent := int(math.Floor(math.Log10(least))); math.Pow10(exponent) <= hi; exponent++ {
		decade := math.Pow10(exponent)
		for k := 1.0; k < 10 && k*decade <= hi; k++ {
			t := plot.Tick{Value: k * decade}
			if k == 1 || short && (k == 2 || k == 5) {
				t.Label = s.label(k, exponent)
			}
			if t.Value >= least && (k == 1 || !many) {
				ticks = append(ticks, t)
			}
		}
	}
	return ticks
}

// plainBelow is the value from which on numbers are written as powers of ten.
const plainBelow = 1e7

// label writes k times a power of ten.
func (s stepTicks) label(k float64, exponent int) string {
	switch {
	case s.powers && k == 1:
		return fmt.Sprintf("10^%d", exponent)
	case s.powers:
		return fmt.Sprintf("%g×10^%d", k, exponent)
	case exponent < 0:
		return strconv.FormatFloat(k*math.Pow10(exponent), 'f', -exponent, 64)
	}
	return grouped(int(k * math.Pow10(exponent)))
}

// shorter implements shortening.
func (s stepTicks) shorter() plot.Ticker {
	s.powers = true
	return s
}

// ratioTicks labels 1, 2 and 5 of each decade on a log axis, and only 1 if the axis spans more than two decades. Beyond
// ten decades there are no other ticks, and powers of ten are written as such.
type ratioTicks struct{}

// Ticks implements plot.Ticker.
func (ratioTicks) Ticks(lo, hi float64) []plot.Tick {
	var ticks []plot.Tick
	wide, many := hi/lo > 100, hi/lo > 1e10
	for exponent := int(math.Floor(math.Log10(lo))); math.Pow10(exponent) <= hi; exponent++ {
		decade := math.Pow10(exponent)
		for k := 1.0; k < 10; k++ {
			if v := k * decade; v >= lo*(1-1e-9) && v <= hi*(1+1e-9) {
				t := plot.Tick{Value: v}
				switch {
				case many && k == 1:
					t.Label = fmt.Sprintf("10^%d", exponent)
				case many:
					continue
				case k == 1 || !wide && (k == 2 || k == 5):
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
	digits := int(math.Floor(math.Log10(step) + 1e-9)) // of the last digit: 2 for multiples of 500
	write := func(v float64) string { return strconv.FormatFloat(v, 'f', max(0, -digits), 64) }
	if largest := max(math.Abs(lo), math.Abs(hi)); largest >= plainBelow || largest < 1/plainBelow {
		exponent := int(math.Floor(math.Log10(largest)))
		scaled := func(v float64) string {
			if v == 0 {
				return "0"
			}
			return fmt.Sprintf("%.*f×10^%d", max(0, exponent-digits), v/math.Pow10(exponent), exponent)
		}
		if len(scaled(largest)) < len(write(largest)) {
			write = scaled
		}
	}
	var ticks []plot.Tick
	first := math.Ceil(lo/step-1e-9) + 0 // never -0
	for n := range 9 {                   // a step may be no more than the last bit of a large value
		if v := (first + float64(n)) * step; v <= hi+1e-9*step {
			ticks = append(ticks, plot.Tick{Value: v, Label: write(v)})
		}
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

// shortening is a ticker that can write its labels shorter.
type shortening interface{ shorter() plot.Ticker }

// uncrowded leaves out labels of a ticker that would run into the label before, on an axis of a known length. It first
// takes the shorter labels, if there are any. A tick whose label is left out becomes a minor one.
type uncrowded struct {
	plot.Ticker
	axis   plot.Axis
	length vg.Length
	extent func(label string) vg.Length // of a label along the axis
}

// Ticks implements plot.Ticker.
func (u uncrowded) Ticks(lo, hi float64) []plot.Tick {
	all := u.Ticker.Ticks(lo, hi)
	thinned, crowded := u.thin(all)
	if s, ok := u.Ticker.(shortening); ok && crowded {
		thinned, _ = u.thin(s.shorter().Ticks(lo, hi))
	}
	return thinned
}

// thin returns the ticks without the labels that have no room, and reports whether there were any.
func (u uncrowded) thin(all []plot.Tick) (thinned []plot.Tick, crowded bool) {
	const space = 2 // between two labels
	free := vg.Length(math.Inf(-1))
	for _, t := range all {
		if at, half := vg.Length(u.axis.Norm(t.Value))*u.length, u.extent(t.Label)/2; t.Label != "" {
			if at-half < free {
				t.Label, crowded = "", true
			} else {
				free = at + half + space
			}
		}
		thinned = append(thinned, t)
	}
	return thinned, crowded
}

// apply sets the range, the scale and the ticks of a plot's axis to those of a.
func (a Axis) apply(to *plot.Axis) {
	to.Min, to.Max = a.Min, a.Max
	switch a.Scale {
	case Steps:
		to.Scale, to.Tick.Marker = stepScale{a.unit()}, stepTicks{unit: a.unit()}
	case Log:
		to.Scale, to.Tick.Marker = logScale{}, ratioTicks{}
	default:
		to.Tick.Marker = roundTicks{}
	}
	if a.Ticks != nil {
		to.Tick.Marker = places(a.Ticks)
	}
}

func (a Axis) unit() float64 {
	if a.Unit > 0 {
		return a.Unit
	}
	return 1
}

// between returns n values from lo to hi, evenly spaced on the axis.
func (a Axis) between(lo, hi float64, n int) []float64 {
	all, s := make([]float64, n), stepScale{a.unit()}
	for i := range all {
		f := float64(i) / float64(n-1)
		if a.Scale == Steps {
			all[i] = s.unit * math.Expm1(s.log(lo)*(1-f)+s.log(hi)*f)
		} else {
			all[i] = lo*(1-f) + hi*f
		}
	}
	return all
}

const stepLabel = "training step (updates)"

// stepAxis returns an axis from step 0 to the last.
func stepAxis(label string, last float64) Axis {
	return Axis{Label: label, Scale: Steps, Max: max(last, 1)}
}

// countAxis returns an axis over what a table counts. steps are ascending and not negative. The axis is linear if the
// last is less than ten times the first that is positive. Otherwise it spaces by log(1 + step/unit), where the unit is
// the first that is positive, because nothing is seen below that.
func countAxis(label string, steps []float64) Axis {
	first, last := steps[0], steps[len(steps)-1]
	least := last
	if i := slices.IndexFunc(steps, func(x float64) bool { return x > 0 }); i >= 0 {
		least = steps[i]
	}
	switch {
	case first == last:
		return Axis{Label: label, Scale: Linear, Min: first, Max: last + max(1, 1e-3*last)}
	case last < 10*least:
		return Axis{Label: label, Scale: Linear, Min: first, Max: last}
	}
	return Axis{Label: label, Scale: Steps, Min: first, Max: last, Unit: least}
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
// positive and span more than a decade, but not a hundred.
func axisOver(label string, values extent) Axis {
	lo, hi := values.lo, values.hi
	if lo > 0 && hi/lo > 10 && hi/lo < 1e100 {
		room := math.Pow(hi/lo, .06)
		return Axis{Label: label, Scale: Log, Min: lo / room, Max: hi * room}
	}
	room := .06 * (hi - lo)
	if room == 0 {
		room = max(.5, 1e-3*math.Abs(lo))
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
