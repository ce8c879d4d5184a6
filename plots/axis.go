package plots

import (
	"math"
	"strconv"

	"gonum.org/v1/plot"
)

// stepScale spaces steps by log(1 + step), so that step 0 is shown and the early steps have room.
type stepScale struct{}

// Normalize implements plot.Normalizer.
func (stepScale) Normalize(lo, hi, x float64) float64 {
	return (math.Log1p(x) - math.Log1p(lo)) / (math.Log1p(hi) - math.Log1p(lo))
}

// stepTicks are 0, 1, 10, 100 …, with minor ones between.
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

// ratioTicks label 1, 2 and 5 of each decade on a log axis; 1 alone where it spans more than two.
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

// roundTicks label multiples of 1, 2 or 5 times a power of ten, four to eight of them.
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

// logarithmic tells whether values are all positive and span more than a decade.
func logarithmic(lo, hi float64) bool { return lo > 0 && hi/lo > 10 }

// scaleY gives a plot's y axis a range with some room about it, logarithmic if the values span more than a decade.
func scaleY(p *plot.Plot, lo, hi float64) {
	if logarithmic(lo, hi) {
		room := math.Pow(hi/lo, .06)
		p.Y.Min, p.Y.Max = lo/room, hi*room
		p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, ratioTicks{}
		return
	}
	p.Y.Tick.Marker = roundTicks{}
	room := .06 * (hi - lo)
	if room == 0 {
		room = .5
	}
	p.Y.Min, p.Y.Max = lo-room, hi+room
	if lo >= 0 {
		p.Y.Min = max(p.Y.Min, 0)
	}
}

// scaleX gives a plot's x axis the steps 0 to last.
func scaleX(p *plot.Plot, last float64) {
	p.X.Min, p.X.Max = 0, max(last, 1)
	p.X.Scale, p.X.Tick.Marker = stepScale{}, stepTicks{}
}

// grouped writes 12000 as 12,000.
func grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// short writes three significant digits, without an exponent where that is readable.
func short(v float64) string {
	if a := math.Abs(v); a >= 1000 && a < 1e6 {
		return grouped(int(math.Round(v)))
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}
