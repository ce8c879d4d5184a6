package fit

import (
	"cmp"
	"math"
	"slices"
)

const (
	gridBeta, gridTau = 24, 30
	starts            = 14 // most short descents
	finalists         = 4  // most descents that are followed to the end
	shortDescent      = 6
	longDescent       = 60
)

// solutions returns the best of many local searches. The lowest local minima of the grid are not enough starts: the
// surface is a valley, steep in tau and shallow in beta, and on its floor a grid shows only one or two accidental
// minima. So every third beta adds a start on the floor, at the best tau. All starts are followed for a few steps, and
// the best few to the end.
func (p *projection) solutions() spot {
	var ends []spot
	for _, start := range p.candidates() {
		ends = append(ends, p.descend(start, free, shortDescent))
	}
	bySSE := func(a, b spot) int { return cmp.Compare(a.sse, b.sse) }
	slices.SortStableFunc(ends, bySSE)
	var followed []spot
	for _, s := range ends {
		near := func(o spot) bool { return math.Abs(s.at[0]-o.at[0])+math.Abs(s.at[1]-o.at[1]) < 1e-3 }
		if len(followed) < finalists && !slices.ContainsFunc(followed, near) {
			followed = append(followed, s)
		}
	}
	for i := range followed {
		followed[i] = p.descend(followed[i], free, longDescent)
	}
	best := slices.MinFunc(followed, bySSE)
	p.name(&best)
	return best
}

// candidates returns at most starts spots: those on the valley's floor, and then the lowest local minima of the grid.
func (p *projection) candidates() []spot {
	grid := p.grid()
	var minima, floor []spot
	for i := range grid {
		lowest := slices.MinFunc(grid[i][:], func(a, b spot) int { return cmp.Compare(a.sse, b.sse) })
		if i%3 == 1 && !math.IsInf(lowest.sse, 1) {
			floor = append(floor, lowest)
		}
		for j := range grid[i] {
			if isLowest(grid[max(0, i-1):min(gridBeta, i+2)], max(0, j-1), min(gridTau, j+2), grid[i][j].sse) {
				minima = append(minima, grid[i][j])
			}
		}
	}
	slices.SortStableFunc(minima, func(a, b spot) int { return cmp.Compare(a.sse, b.sse) })
	return append(floor, minima[:min(starts-len(floor), len(minima))]...)
}

func isLowest(rows [][gridTau]spot, from, to int, sse float64) bool {
	if math.IsInf(sse, 1) {
		return false
	}
	for i := range rows {
		for j := from; j < to; j++ {
			if rows[i][j].sse < sse {
				return false
			}
		}
	}
	return true
}

// grid solves the linear part on a grid of (ln beta, ln tau).
func (p *projection) grid() [][gridTau]spot {
	spots := make([][gridTau]spot, gridBeta)
	m := len(p.s.u)
	log := matrix(m, gridTau)
	bottom := [2]float64{math.Log(1e-3), math.Log(0.03 * max(p.s.firstStep, 1e-7))}
	top := [2]float64{math.Log(2e4), math.Log(30)}
	axis := func(k, i, n int) float64 { return bottom[k] + (top[k]-bottom[k])*float64(i)/float64(n-1) }
	for j := range gridTau {
		tau := math.Exp(axis(1, j, gridTau))
		for r, u := range p.s.u {
			log[j][r] = math.Log(u + tau)
		}
	}
	row := p.newRow()
	decay := make([]float64, m)
	for i := range gridBeta {
		beta := math.Exp(axis(0, i, gridBeta))
		for r, u := range p.s.u {
			decay[r] = math.Exp(-beta * u)
		}
		row.factor(p, decay)
		for j := range gridTau {
			at := [2]float64{axis(0, i, gridBeta), axis(1, j, gridTau)}
			if !p.allowed(at) {
				spots[i][j].sse = math.Inf(1)
				continue
			}
			spots[i][j] = row.solve(p, at, decay, log[j])
		}
	}
	return spots
}

// gridRow holds what the grid's spots of one beta share: an orthonormal basis of (1, exp(-beta u)) and the rest of the
// target, which the basis does not explain.
type gridRow struct {
	one, exp   []float64
	rest, col  []float64
	restSquare float64
	expTarget  float64 // exp · target
	expNorm    float64 // length of the second column without its part along the first
}

func (p *projection) newRow() *gridRow {
	cols := matrix(len(p.s.u), 4)
	row := &gridRow{one: cols[0], exp: cols[1], rest: cols[2], col: cols[3]}
	norm := math.Sqrt(dot(p.s.w, p.s.w))
	for r, w := range p.s.w {
		row.one[r] = w / norm
	}
	return row
}

func (row *gridRow) factor(p *projection, decay []float64) {
	for r, w := range p.s.w {
		row.exp[r] = w * decay[r]
		row.rest[r] = w * p.s.v[r]
	}
	project(row.exp, row.one)
	row.expNorm = math.Sqrt(dot(row.exp, row.exp))
	for r := range row.exp {
		row.exp[r] /= max(row.expNorm, 1e-300)
	}
	project(row.rest, row.one)
	row.expTarget = project(row.rest, row.exp)
	row.restSquare = dot(row.rest, row.rest)
}

// solve returns the spot at the given coordinates by a single projection, or by projection.solve if gamma is out of its
// bounds.
func (row *gridRow) solve(p *projection, at [2]float64, decay, log []float64) spot {
	for r, w := range p.s.w {
		row.col[r] = w * decay[r] * log[r]
	}
	project(row.col, row.one)
	along := project(row.col, row.exp)
	square := dot(row.col, row.col)
	a1 := dot(row.col, row.rest) / square
	a2 := (row.expTarget - a1*along) / row.expNorm
	if !(math.Abs(a2) <= maxLogGamma*math.Abs(a1)) || square < 1e-20 || bad(a1) {
		return p.solve(at, decay, log)
	}
	return spot{at: at, sse: max(row.restSquare-a1*a1*square, 0), linear: [3]float64{a1, a2, 0}}
}

// project subtracts from x its part along the unit vector q, and returns the signed length of that part.
func project(x, q []float64) float64 {
	along := dot(x, q)
	for r := range x {
		x[r] -= along * q[r]
	}
	return along
}
