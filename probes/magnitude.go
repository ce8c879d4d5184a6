package probes

import "math"

// magnitude summarises |h| over the T*D scalars of one sequence.
type magnitude struct {
	top    [3]float64 // the three largest, descending; 0 where there are fewer scalars
	median float64    // the mean of the two middle ones where their number is even
	at     int        // position of the token that holds the largest
}

// summary computes each sequence's magnitudes once. A NaN among the activations makes them all NaN.
func (l *Layer) summary() []magnitude {
	if l.magnitudes != nil {
		return l.magnitudes
	}
	l.magnitudes = make([]magnitude, l.B)
	n := l.T * l.D
	scratch := make([]float32, n)
	for b := range l.B {
		l.magnitudes[b] = measure(scratch, l.Resid[b*n:(b+1)*n], l.D)
	}
	return l.magnitudes
}

func measure(scratch, h []float32, width int) magnitude {
	var m magnitude
	for i, x := range h {
		a := float32(math.Abs(float64(x)))
		if a != a {
			nan := math.NaN()
			return magnitude{top: [3]float64{nan, nan, nan}, median: nan}
		}
		scratch[i] = a
		switch v := float64(a); {
		case v > m.top[0]:
			m.top = [3]float64{v, m.top[0], m.top[1]}
			m.at = i / width
		case v > m.top[1]:
			m.top[1], m.top[2] = v, m.top[1]
		case v > m.top[2]:
			m.top[2] = v
		}
	}
	m.median = exactMedian(scratch)
	return m
}

// exactMedian reorders x (no NaN among it) and returns its median.
func exactMedian(x []float32) float64 {
	k := len(x) / 2
	upper := selectKth(x, k)
	if len(x)%2 == 1 {
		return float64(upper)
	}
	lower := x[0]
	for _, v := range x[1:k] {
		lower = max(lower, v)
	}
	return (float64(lower) + float64(upper)) / 2
}

// selectKth reorders x so that x[k] is the value that sorting would put there, none before it larger and none
// after it smaller (Hoare's selection, expected linear time).
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
