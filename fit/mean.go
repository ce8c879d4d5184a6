package fit

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// Mean returns the mean of the finite values, its 95 % interval, and the number n of finite values. The interval uses
// Student's t with n - 1 degrees of freedom; it is exact for independent normal values. Both ends of the interval are
// NaN if n < 2. The mean is NaN if n is 0.
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

// Median returns the median of the finite values, or NaN if there are no finite values. It does not reorder values.
func Median(values []float64) float64 {
	known := slices.DeleteFunc(slices.Clone(values), bad)
	if len(known) == 0 {
		return math.NaN()
	}
	return medianOf(known)
}

// medianOf returns the middle value, or the mean of the two in the middle.
func medianOf(x []float64) float64 {
	sorted := slices.Sorted(slices.Values(x))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
