package fit

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/combin"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/outcrop-lab/outcrop/count"
)

// Summary summarises one quantity over the seeds of an arm: its spread between seeds and its uncertainty within each
// seed.
type Summary struct {
	N      int // number of determined values
	Of     int // number of all values; those that are not determined are NaN
	Median float64
	// Interval is a distribution-free interval for the median of the distribution of the seeds' values. It runs from the
	// k-th smallest to the k-th largest value, with the largest k for which it covers this median with a probability of
	// at least 95 %. With fewer than six values no such k exists, and Interval is the whole range. Coverage is the
	// probability for the chosen k. For the whole range of N values it is 1 - 2^(1-N).
	Interval Interval
	Coverage float64
	// Between is the standard deviation of the values, or NaN for fewer than two values. Within is the median half width
	// of the values' own intervals, leaving out open intervals, or NaN if none is left.
	Between, Within float64
}

// Summarise returns the Summary of the values. A value that is not determined is NaN. own[i] is the interval of
// values[i]; own may be nil.
func Summarise(values []float64, own []Interval) Summary {
	s := Summary{Of: len(values), Median: math.NaN(), Interval: Interval{math.NaN(), math.NaN()}, Between: math.NaN(),
		Within: math.NaN()}
	var known, widths []float64
	for i, v := range values {
		if bad(v) {
			continue
		}
		known = append(known, v)
		if i < len(own) && !own[i].Open() {
			widths = append(widths, (own[i].High-own[i].Low)/2)
		}
	}
	s.N = len(known)
	if len(widths) > 0 {
		s.Within = medianOf(widths)
	}
	if s.N == 0 {
		return s
	}
	slices.Sort(known)
	s.Median = medianOf(known)
	coin := distuv.Binomial{N: float64(s.N), P: 0.5}
	cut := 0 // values left out on each side
	for cut+1 < (s.N+1)/2 && 1-2*coin.CDF(float64(cut+1)) >= confidence {
		cut++
	}
	s.Interval = Interval{known[cut], known[s.N-1-cut]}
	s.Coverage = 1 - 2*coin.CDF(float64(cut))
	if s.N > 1 {
		s.Between = stat.StdDev(known, nil)
	}
	return s
}

// Comparison compares one quantity between two arms.
type Comparison struct {
	N, M       int     // number of values in the first and in the second arm
	Difference float64 // mean of the second arm minus mean of the first arm
	// Interval is Welch's 95 % interval for Difference, which assumes Gaussian values. Both ends are open if an arm has
	// fewer than two values.
	Interval Interval
	// P is the two-sided p-value of the exact permutation test. Splits is the number of ways to divide all values into
	// two arms of sizes N and M. P is the share of these ways in which the two means differ by at least
	// |Difference|. The test assumes only that the seeds would be exchangeable between the arms if there were no effect.
	// P is at least 1/Splits, or 2/Splits if the arms have equal size. With two seeds in each arm, P is therefore at
	// least 1/3.
	P      float64
	Splits int
}

// mostSplits is the largest number of splits that are enumerated. It allows twelve values in each arm.
const mostSplits = 3_000_000

// Compare compares two arms. It leaves out values that are not finite. It returns an error that wraps ErrPoints if an
// arm has no values left, or if there are too many splits to enumerate.
func Compare(first, second []float64) (Comparison, error) {
	a, b := known(first), known(second)
	n, m := len(a), len(b)
	c := Comparison{N: n, M: m, Interval: Interval{math.Inf(-1), math.Inf(1)}}
	if n == 0 || m == 0 {
		return c, fmt.Errorf("fit: comparing arms: %w: %d and %d determined values", ErrPoints, n, m)
	}
	if combin.LogGeneralizedBinomial(float64(n+m), float64(n)) > math.Log(mostSplits) {
		return c, fmt.Errorf("fit: comparing arms: %w: %d and %d values have too many splits for an exact test",
			ErrPoints, n, m)
	}
	c.Difference = stat.Mean(b, nil) - stat.Mean(a, nil)
	if n > 1 && m > 1 {
		va, vb := stat.Variance(a, nil)/float64(n), stat.Variance(b, nil)/float64(m)
		freedom := (va + vb) * (va + vb) / (va*va/float64(n-1) + vb*vb/float64(m-1))
		half := 0.0
		if va+vb > 0 {
			half = distuv.StudentsT{Sigma: 1, Nu: freedom}.Quantile((1+confidence)/2) * math.Sqrt(va+vb)
		}
		c.Interval = Interval{c.Difference - half, c.Difference + half}
	}
	c.Splits, c.P = permutation(append(slices.Clone(a), b...), n, c.Difference)
	return c, nil
}

// permutation returns the number of splits of all values into n and the rest, and the share of splits whose means
// differ by at least difference. Differences that are equal up to rounding count as equal.
func permutation(all []float64, n int, difference float64) (splits int, p float64) {
	m := len(all) - n
	var total, size float64
	for _, v := range all {
		total += v
		size = max(size, math.Abs(v))
	}
	slack := 1e-12 * size
	extreme := 0
	var deal func(from, left int, sum float64)
	deal = func(from, left int, sum float64) {
		if left == 0 {
			splits++
			if math.Abs((total-sum)/float64(m)-sum/float64(n)) >= math.Abs(difference)-slack {
				extreme++
			}
			return
		}
		for i := from; i <= len(all)-left; i++ {
			deal(i+1, left-1, sum+all[i])
		}
	}
	deal(0, n, 0)
	return splits, float64(extreme) / float64(splits)
}

// Power is the fitted power law y = c x^b with b = Exponent. It is fitted by least squares of ln y on ln x.
type Power struct {
	N        int
	Exponent float64
	Interval Interval // 95 % interval of Exponent
	R2       float64  // R² of the line through the logarithms
}

// Scaling fits how a quantity y grows with a setting x, such as the width. It leaves out pairs that are not finite. It
// returns an error that wraps ErrPoints if the lengths differ, if fewer than three pairs or fewer than two distinct x
// are left, or if an x or y is not positive.
func Scaling(x, y []float64) (Power, error) {
	if len(x) != len(y) {
		return Power{}, fmt.Errorf("fit: scaling: %w: %s of x, %d of y", ErrPoints, count.Of(len(x), "value"), len(y))
	}
	var lx, ly []float64
	for i := range x {
		if bad(x[i]) || bad(y[i]) {
			continue
		}
		if !(x[i] > 0 && y[i] > 0) {
			return Power{}, fmt.Errorf("fit: scaling: %w: a power law needs positive numbers, not (%g, %g)", ErrPoints,
				x[i], y[i])
		}
		lx, ly = append(lx, math.Log(x[i])), append(ly, math.Log(y[i]))
	}
	n := len(lx)
	if n < 3 || distinct(lx) < 2 {
		return Power{}, fmt.Errorf("fit: scaling: %w: %s at %d distinct x", ErrPoints, count.Of(n, "point"), distinct(lx))
	}
	intercept, slope := stat.LinearRegression(lx, ly, nil, false)
	var sse, sxx float64
	mean := stat.Mean(lx, nil)
	for i := range lx {
		d := ly[i] - intercept - slope*lx[i]
		sse += d * d
		sxx += (lx[i] - mean) * (lx[i] - mean)
	}
	half := distuv.StudentsT{Sigma: 1, Nu: float64(n - 2)}.Quantile((1+confidence)/2) * math.Sqrt(sse/float64(n-2)/sxx)
	p := Power{N: n, Exponent: slope, Interval: Interval{slope - half, slope + half}}
	if sst := stat.Variance(ly, nil) * float64(n-1); sst > 0 {
		p.R2 = 1 - sse/sst
	}
	return p, nil
}

func known(values []float64) []float64 {
	return slices.DeleteFunc(slices.Clone(values), bad)
}
