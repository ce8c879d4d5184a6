package probes

import "math"

// magnitude summarises |h| over the T*C scalars of one sequence.
type magnitude struct {
	top    [3]float64 // the three largest, descending; 0 if there are fewer scalars
	median float64    // the mean of the two middle ones if T*C is even
	at     int        // index of the largest among the T*C scalars, the first of several
	signed float64    // the largest, with its sign
}

// scratch is memory that a layer's statistics reuse.
type scratch struct {
	histogram [1 << histogramBits]int32
	values    []float32
}

// histogramBits is the number of leading exponent and mantissa bits that index the histogram: buckets are a sixteenth
// of an octave wide.
const histogramBits = 12

// summary returns the magnitude of each sequence, computed once. A NaN among a sequence's activations makes all its
// numbers NaN.
func (l *Layer) summary(s *Site) []magnitude {
	if len(s.magnitudes) == 0 {
		for b := range l.B {
			s.magnitudes = append(s.magnitudes, l.scratch.measure(l.sequence(s, b)))
		}
	}
	return s.magnitudes
}

// measure makes two passes: the first finds the largest values and fills a histogram, the second collects the values in
// the median's bucket. The bit patterns of non-negative floats are ordered like the floats, with NaN above all.
func (s *scratch) measure(h []float32) magnitude {
	clear(s.histogram[:])
	var first, second, third uint32
	at := 0
	for i, x := range h {
		bits := math.Float32bits(x) &^ (1 << 31)
		s.histogram[bits>>(31-histogramBits)]++
		if bits <= third {
			continue
		}
		switch {
		case bits > first:
			first, second, third, at = bits, first, second, i
		case bits > second:
			second, third = bits, second
		default:
			third = bits
		}
	}
	value := func(bits uint32) float64 { return float64(math.Float32frombits(bits)) }
	if nan := math.NaN(); math.IsNaN(value(first)) {
		return magnitude{top: [3]float64{nan, nan, nan}, median: nan, at: at, signed: nan}
	}
	return magnitude{top: [3]float64{value(first), value(second), value(third)}, median: s.median(h), at: at,
		signed: float64(h[at])}
}

// median returns the median of |h|, whose histogram is in s.
func (s *scratch) median(h []float32) float64 {
	lower, upper := (len(h)-1)/2, len(h)/2 // the two middle ranks
	below, low, high := 0, 0, 0
	for count := 0; ; low++ {
		if count += int(s.histogram[low]); count > lower {
			below = count - int(s.histogram[low])
			for high = low; count <= upper; {
				high++
				count += int(s.histogram[high])
			}
			break
		}
	}
	s.values = s.values[:0]
	for _, x := range h {
		bits := math.Float32bits(x) &^ (1 << 31)
		if bucket := int(bits >> (31 - histogramBits)); bucket >= low && bucket <= high {
			s.values = append(s.values, math.Float32frombits(bits))
		}
	}
	return middle(s.values, lower-below, upper-below)
}

// exactMedian reorders x, which must not contain NaN, and returns its median.
func exactMedian(x []float32) float64 { return middle(x, (len(x)-1)/2, len(x)/2) }

// middle returns the mean of the values at two ranks of x, which are equal or adjacent. It reorders x.
func middle(x []float32, lower, upper int) float64 {
	high := selectKth(x, upper)
	if lower == upper {
		return float64(high)
	}
	low := x[0]
	for _, v := range x[1:upper] {
		low = max(low, v)
	}
	return (float64(low) + float64(high)) / 2
}

// selectKth reorders x and returns x[k], the value that sorting would put there. No value before it is larger, and none
// after it is smaller (Hoare's selection, expected linear time).
func selectKth(x []float32, k int) float32 {
	lo, hi := 0, len(x)-1
	for lo < hi {
		pivot := x[lo+(hi-lo)/2]
		i, j := lo, hi
		for i <= j {
			for x[i] < pivot {
				i++
			}
			for x[j] > pivot {
				j--
			}
			if i <= j {
				x[i], x[j] = x[j], x[i]
				i++
				j--
			}
		}
		switch {
		case k <= j:
			hi = j
		case k >= i:
			lo = i
		default:
			return x[k]
		}
	}
	return x[k]
}
