package fit

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// Mean is the mean of the values that are numbers, how many they are, and the mean's 95 % interval by Student's t with
// n - 1 degrees of freedom: exact for independent normal values. Of fewer than two values the interval is NaN, of none
// the mean.
func Mean(values []float64) (mean float64, interval Interval, n int) {
	mean, interval = math.NaN(), Interval{math.NaN(), math.NaN()}
	var known []float64
	for _, v := range values {
		if !bad(v) {
			known = append(known, v)
		}
	}
	if n = len(known); n == 0 {
		return mean, interval, n
	}
	mean, sd := stat.MeanStdDev(known, nil)
	if n > 1 {
		half := distuv.StudentsT{Sigma: 1, Nu: float64(n - 1)}.Quantile((1+confidence)/2) * sd / math.Sqrt(float64(n))
		interval = Interval{mean - half, mean + half}
	}
	return mean, interval, n
}

// Median is the median of the values that are finite; NaN of none. The values keep their order.
func Median(values []float64) float64 {
	known := slices.DeleteFunc(slices.Clone(values), bad)
	if len(known) == 0 {
		return math.NaN()
	}
	return medianOf(known)
}

// medianOf is the middle value; of an even number the mean of the two in the middle.
func medianOf(x []float64) float64 {
	sorted := slices.Sorted(slices.Values(x))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
