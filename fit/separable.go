package fit

import (
	"cmp"
	"math"
	"slices"
)

// separable is a curve k shape(at)(u), plus c if it has an offset, over a box of one or two coordinates. k and c have a
// closed form. The coordinates are searched on a grid, and then by a Levenberg-Marquardt with central differences from
// the grid's three lowest local minima. The longer an axis, the more points its grid has.
type separable struct {
	shape  func(at []float64) func(u float64) float64
	box    []axis
	offset bool
}

// axis is one coordinate of the box, and the remarks on a solution that lies at its ends. An end without a remark is
// one at which another box goes on.
type axis struct {
	low, high     float64
	atLow, atHigh string
}

// found is a solution. k and c are in the units of y.
type found struct {
	at        []float64
	k, c, sse float64
}

func (f separable) fit(s series) found {
	w := newSeparableWork(s, f)
	least := 40
	if len(f.box) == 2 {
		least = 14
	}
	points := make([]int, len(f.box))
	for d, b := range f.box {
		points[d] = max(least, int((b.high-b.low)/widest))
	}
	best := found{sse: math.Inf(1)}
	for _, start := range w.minima(points) {
		if end := w.descend(start, 8, 1e-3); end.sse < best.sse {
			best = end
		}
	}
	best = w.descend(best, 40, 1e-9)
	if f.offset {
		best.c = w.level(best)
	}
	return best
}

// widest is the largest distance of two points of a grid, of coordinates that are logarithms. A series of 100,000 steps
// that are logged from the first on needs no more than the least number of points.
const widest = 1.35

// better returns the index of the solution with the smallest sum of squares, the first of equal ones.
func better(all ...found) int {
	best := 0
	for i := range all {
		if all[i].sse < all[best].sse {
			best = i
		}
	}
	return best
}

type separableWork struct {
	f           separable
	s           series
	one         []float64 // square roots of the weights, scaled to unit length
	target, h   []float64
	res, up, dn []float64
	jac         [][]float64
}

func newSeparableWork(s series, f separable) *separableWork {
	m := len(s.u)
	cols := matrix(m, 6)
	w := &separableWork{f: f, s: s, one: cols[0], target: cols[1], h: cols[2], res: cols[3], up: cols[4], dn: cols[5],
		jac: matrix(m, len(f.box))}
	norm := math.Sqrt(dot(s.w, s.w))
	for r := range s.w {
		w.one[r] = s.w[r] / norm
		w.target[r] = s.w[r] * s.y[r]
	}
	if f.offset {
		for r := range s.w { // v instead of y, because the offset absorbs the difference
			w.target[r] = s.w[r] * s.span * s.v[r]
		}
		project(w.target, w.one)
	}
	return w
}

// at solves the linear part and writes the residual to res.
func (w *separableWork) at(at []float64, res []float64) found {
	shape := w.f.shape(at)
	for r, u := range w.s.u {
		w.h[r] = w.s.w[r] * shape(u)
	}
	full := dot(w.h, w.h)
	if w.f.offset {
		project(w.h, w.one)
	}
	got := found{at: at}
	if square := dot(w.h, w.h); square > 1e-24*full {
		got.k = dot(w.h, w.target) / square
	}
	for r := range res {
		res[r] = w.target[r] - got.k*w.h[r]
	}
	got.sse = dot(res, res)
	if math.IsNaN(got.sse) {
		got.sse = math.Inf(1)
	}
	return got
}

// minima returns the three lowest local minima of the grid.
func (w *separableWork) minima(points []int) []found {
	cells := 1
	for _, n := range points {
		cells *= n
	}
	grid := make([]found, cells)
	for cell := range grid {
		at := make([]float64, len(w.f.box))
		for d, rest := 0, cell; d < len(at); d, rest = d+1, rest/points[d] {
			b := w.f.box[d]
			at[d] = b.low + (b.high-b.low)*float64(rest%points[d])/float64(points[d]-1)
		}
		grid[cell] = w.at(at, w.res)
	}
	var low []found
	for cell, g := range grid {
		lowest := true
		for d, stride := 0, 1; d < len(w.f.box); d, stride = d+1, stride*points[d] {
			i := cell / stride % points[d]
			lowest = lowest && (i == 0 || grid[cell-stride].sse >= g.sse) &&
				(i == points[d]-1 || grid[cell+stride].sse >= g.sse)
		}
		if lowest {
			low = append(low, g)
		}
	}
	slices.SortStableFunc(low, func(a, b found) int { return cmp.Compare(a.sse, b.sse) })
	return low[:min(3, len(low))]
}

// descend minimises the sum of squares from start. It stops when an iteration reduces the sum by no more than the share
// gain.
func (w *separableWork) descend(start found, iterations int, gain float64) found {
	m, n := len(w.s.u), len(w.f.box)
	here := w.at(start.at, w.res)
	if math.IsInf(here.sse, 1) {
		return here
	}
	damping := 1e-3
	work, rhs := matrix(m+n, n), make([]float64, m+n)
	step, next := make([]float64, n), make([]float64, n)
	var qr reflectors
	for range iterations {
		for d, b := range w.f.box {
			w.difference(here.at, d, 1e-5*(b.high-b.low))
		}
		here = w.at(here.at, w.res)
		improved := false
		for damping < 1e5 {
			for d := range work {
				copy(work[d], w.jac[d])
				clear(work[d][m:])
				work[d][m+d] = math.Sqrt(damping * dot(w.jac[d], w.jac[d]))
			}
			copy(rhs, w.res)
			clear(rhs[m:])
			qr.factor(work)
			qr.apply(rhs)
			qr.solve(rhs, step)
			for d, b := range w.f.box {
				reach := (b.high - b.low) / 8
				next[d] = min(max(here.at[d]-min(max(step[d], -reach), reach), b.low), b.high)
			}
			if there := w.at(next, w.up); there.sse < here.sse {
				improved = here.sse-there.sse > gain*here.sse
				here = found{at: slices.Clone(next), k: there.k, sse: there.sse}
				damping = max(damping/10, 1e-12)
				break
			}
			damping *= 8
		}
		if !improved {
			break
		}
	}
	return here
}

// difference computes the residual's derivative by the d-th coordinate from two points inside the box.
func (w *separableWork) difference(at []float64, d int, h float64) {
	side := func(by float64, res []float64) float64 {
		moved := slices.Clone(at)
		moved[d] = min(max(moved[d]+by, w.f.box[d].low), w.f.box[d].high)
		w.at(moved, res)
		return moved[d]
	}
	high, low := side(h, w.up), side(-h, w.dn)
	for r := range w.up {
		w.jac[d][r] = (w.up[r] - w.dn[r]) / (high - low)
	}
}

// level returns the offset that belongs to a solution.
func (w *separableWork) level(f found) float64 {
	var sum, weight float64
	shape := w.f.shape(f.at)
	for r, u := range w.s.u {
		q := w.s.w[r] * w.s.w[r]
		sum += q * (w.s.span*w.s.v[r] - f.k*shape(u))
		weight += q
	}
	return w.s.low + sum/weight
}

// edges returns the remarks on the ends of the box at which a solution lies. A constant series has none: its curve does
// not depend on the coordinates.
func (f separable) edges(s series, at []float64) (remarks []string) {
	const near = 1e-3
	if s.constant {
		return nil
	}
	for d, b := range f.box {
		if at[d] <= b.low+near && b.atLow != "" {
			remarks = append(remarks, b.atLow)
		}
		if at[d] >= b.high-near && b.atHigh != "" {
			remarks = append(remarks, b.atHigh)
		}
	}
	return remarks
}
