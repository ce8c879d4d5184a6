package fit

import (
	"fmt"
	"math"
	"slices"

	"github.com/outcrop-lab/outcrop/count"
)

// scoreSquares sets the sums and the criteria of a least-squares fit.
func (r *Result) scoreSquares(s series, fam family) {
	r.sums(s, fam.residuals(s, r.Params))
	r.criteria(s, float64(r.N)*math.Log(max(r.SSE/float64(r.N), s.rounding())))
}

// residuals returns y - f times the square roots of the weights.
func (f family) residuals(s series, params map[string]float64) []float64 {
	res := make([]float64, len(s.t))
	for i, y := range s.y {
		res[i] = s.w[i] * (y - f.at(params, s.t[i]))
	}
	return res
}

// rounding returns the share of a mean squared residual that is due to rounding.
func (s series) rounding() float64 {
	var largest float64
	for _, y := range s.y {
		largest = max(largest, math.Abs(y))
	}
	const eps = 0x1p-52
	return max(eps*eps*largest*largest, math.SmallestNonzeroFloat64)
}

// sums sets SSE, RMSE, R2 and AdjR2.
func (r *Result) sums(s series, res []float64) {
	n, p := float64(len(s.t)), float64(len(families[r.Family].params))
	mean := s.mean()
	var sst float64
	for i, y := range s.y {
		d := s.w[i] * (y - mean)
		sst += d * d
	}
	r.SSE = dot(res, res)
	r.RMSE = math.Sqrt(r.SSE / n)
	r.R2 = 0
	if sst > 0 && !s.constant {
		r.R2 = 1 - r.SSE/sst
	}
	r.AdjR2 = 1 - (1-r.R2)*(n-1)/(n-p)
}

func (r *Result) criteria(s series, deviance float64) {
	n, k := float64(len(s.t)), float64(len(families[r.Family].params)+1)
	r.AIC = deviance + 2*k
	r.BIC = deviance + k*math.Log(n)
	r.AICc = math.NaN()
	if n > k+1 {
		r.AICc = r.AIC + 2*k*(k+1)/(n-k-1)
	}
}

// huberBend is the residual, in scales, at which Huber's loss turns from a square to a line. The estimate is then 95 %
// efficient for Gaussian noise.
const huberBend = 1.345

// huber fits by iteratively reweighted least squares, starting from the least-squares fit in r. The scale s solves N s²
// = sum min(1, bend/|r/s|) r², which maximises the likelihood in s. huber returns the series with the last weights.
// Intervals are computed with these weights; they are approximate, because the weights count as known.
func huber(s series, fam family, r *Result, remarks []string) (series, []string) {
	const rounds = 25
	bounded := s
	bounded.w = slices.Clone(s.w)
	n := float64(len(s.t))
	scale := math.Inf(1)
	var res []float64
	down := 0
	for range rounds {
		res = fam.residuals(s, r.Params)
		next := s.huberScale(res, math.Sqrt(dot(res, res)/n))
		if math.Abs(next-scale) <= 1e-7*next {
			break
		}
		scale, down = next, 0
		for i := range res {
			bounded.w[i] = s.w[i]
			if share := huberBend * scale / math.Abs(res[i]); share < 1 {
				bounded.w[i] *= math.Sqrt(share)
				down++
			}
		}
		r.Params, remarks = fam.fitted(bounded)
	}
	res = fam.residuals(s, r.Params)
	scale = s.huberScale(res, scale)
	deviance := 2*n*math.Log(scale) - n
	for _, x := range res {
		z := math.Abs(x / scale)
		deviance += z * z
		if z > huberBend {
			deviance += 2*huberBend*z - huberBend*huberBend - z*z
		}
	}
	r.sums(s, res)
	r.criteria(s, deviance)
	if down > 0 {
		remarks = append(remarks, fmt.Sprintf("Huber's loss bounds %d of %s", down, count.Of(len(res), "point")))
	}
	return bounded, remarks
}

// huberScale solves for the scale, starting from the given one. The scale is at least the size of rounding errors,
// because it would fall to 0 if most residuals were 0.
func (s series) huberScale(res []float64, scale float64) float64 {
	least := math.Sqrt(s.rounding())
	scale = max(scale, least)
	for range 100 {
		var sum float64
		for _, x := range res {
			sum += min(x*x, huberBend*scale*math.Abs(x))
		}
		next := max(math.Sqrt(sum/float64(len(res))), least)
		if math.Abs(next-scale) <= 1e-12*scale {
			return next
		}
		scale = next
	}
	return scale
}

// riseTime returns Result.RiseTime.
func riseTime(s series, r Result) float64 {
	if s.constant {
		return math.NaN()
	}
	end := s.last
	if r.PeakSeen {
		end = r.TPeak
	}
	return rise(func(t float64) float64 { return Eval(r, t) }, s.first, end, s.firstStep*s.scale, 400)
}

// rise returns the time in which a curve goes from 10 % to 90 % of its rise between first and end, or NaN if it does
// not rise. It searches the crossings on the given number of points, spaced by log(1 + t/unit).
func rise(f func(t float64) float64, first, end, unit float64, points int) float64 {
	start, top := f(first), f(end)
	if !(top > start) {
		return math.NaN()
	}
	at := func(share float64) float64 { return crossing(f, first, end, unit, start+share*(top-start), points) }
	return at(0.9) - at(0.1)
}

// crossing returns the first t from first to end at which the curve reaches a level that it has passed by end.
func crossing(at func(t float64) float64, first, end, unit, level float64, points int) float64 {
	low := first
	for i := 1; i <= points; i++ {
		f := float64(i) / float64(points)
		high := first + unit*math.Expm1(f*math.Log1p((end-first)/unit))
		if i == points {
			high = end
		}
		if at(high) < level {
			low = high
			continue
		}
		for high-low > 1e-12*high {
			middle := (low + high) / 2
			if middle == low || middle == high {
				break
			}
			if at(middle) < level {
				low = middle
			} else {
				high = middle
			}
		}
		return high
	}
	return end
}

// misfits returns remarks on features that a smooth curve cannot follow: single points far off it, and a jump. A point
// is far off if its residual exceeds eight robust standard deviations (1.4826 median |r|); if more than one in twenty
// points are, there is no remark. A jump is a step between neighbours of at least half the range, after which the
// series stays at its new level, while the curve rises or falls by less than half of the step.
func misfits(s series, r Result) []string {
	if r.Family != "emergence" || len(s.t) < 8 || s.constant {
		return nil
	}
	order := make([]int, len(s.t))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case s.t[a] < s.t[b]:
			return -1
		case s.t[a] > s.t[b]:
			return 1
		}
		return 0
	})
	var remarks []string
	if far := outliers(s, r, order); len(far) > 0 {
		i := far[0]
		text := fmt.Sprintf("the point (%g, %.4g) lies far off the curve", s.t[i], s.y[i])
		if len(far) > 1 {
			text = fmt.Sprintf("%s lie far off the curve, the first (%g, %.4g)", count.Of(len(far), "point"), s.t[i], s.y[i])
		}
		remarks = append(remarks, text+": compare the fit under Huber's loss")
	}
	for k := 2; k+2 < len(order); k++ {
		a, b := order[k-1], order[k]
		before, after := (s.y[order[k-2]]+s.y[a])/2, (s.y[b]+s.y[order[k+1]])/2
		if jump := s.y[b] - s.y[a]; math.Abs(jump) >= s.span/2 && math.Abs(after-before) >= s.span/2 &&
			(Eval(r, s.t[b])-Eval(r, s.t[a]))/jump < 0.5 {
			remarks = append(remarks, fmt.Sprintf("a jump from %.4g to %.4g between t = %g and %g, which the curve does "+
				"not follow", s.y[a], s.y[b], s.t[a], s.t[b]))
			break
		}
	}
	return remarks
}

func outliers(s series, r Result, order []int) []int {
	size := make([]float64, len(s.t))
	for i := range s.t {
		size[i] = s.w[i] * math.Abs(s.y[i]-Eval(r, s.t[i]))
	}
	limit := max(8*1.4826*medianOf(size), 1e-6*s.span)
	var far []int
	for _, i := range order {
		if size[i] > limit {
			far = append(far, i)
		}
	}
	if len(far)*20 > len(s.t)+19 {
		return nil
	}
	return far
}
