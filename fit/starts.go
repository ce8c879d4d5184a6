package fit

import (
	"cmp"
	"math"
	"slices"
)

const (
	gridBeta, gridTau = 24, 30
	starts            = 14 // most short descents from the floor and the minima of the grid
	finalists         = 4  // most descents that are followed to the end
	shortDescent      = 6
	longDescent       = 60
)

// solutions returns the best of many local searches. The lowest local minima of the grid are not enough starts: the
// surface is a valley, steep in tau and shallow in beta, and on its floor a grid shows only one or two accidental
// minima. So every third beta adds a start on the floor, at the best tau. If the data begin late, the valley is steep
// in beta and shallow in tau, and every fifth tau adds a start. All starts are followed for a few steps, and the best
// few to the end. What lies across the valley and along a bound of gamma is tried too.
func (p *projection) solutions() spot {
	grid := p.grid()
	best := p.follow(p.candidates(grid), finalists)
	for _, end := range append(p.across(grid, best), p.follow(columns(grid), 1)) {
		best = lower(best, end)
	}
	best = lower(best, p.alongBound(best))
	p.name(&best)
	return best
}

// lower returns the second spot if it is clearly lower, and else the first: on a flat floor, one spot is as good as
// another.
func lower(a, b spot) spot {
	const clearly = 1e-6
	if b.sse < a.sse*(1-clearly) {
		return b
	}
	return a
}

// follow descends from all starts for a few steps, and from the given number of ends to the end. It returns the lowest.
func (p *projection) follow(starts []spot, finalists int) spot {
	var ends, followed []spot
	for _, start := range starts {
		ends = append(ends, p.descend(start, free, shortDescent))
	}
	slices.SortStableFunc(ends, bySSE)
	for _, s := range ends {
		near := func(o spot) bool { return math.Abs(s.at[0]-o.at[0])+math.Abs(s.at[1]-o.at[1]) < 1e-3 }
		if len(followed) < finalists && !slices.ContainsFunc(followed, near) {
			followed = append(followed, s)
		}
	}
	for i := range followed {
		followed[i] = p.descend(followed[i], free, longDescent)
	}
	return slices.MinFunc(followed, bySSE)
}

// across returns what descents from the other side of the valley find. At one beta, a logarithm that is bent within
// the data by a small tau and one of the other sign with a large tau may both be minima, and the lower of them at the
// grid's betas need not be the lower one at the best beta.
func (p *projection) across(grid [][gridTau]spot, best spot) (ends []spot) {
	for i := range grid {
		if math.Abs(p.betaOf(i)-best.at[0]) > 2*(p.betaOf(1)-p.betaOf(0)) {
			continue
		}
		for j := range grid[i] {
			here := p.tauOf(j-1) <= best.at[1] && best.at[1] <= p.tauOf(j+1)
			if !here && isLowest(grid[i:i+1], max(0, j-1), min(gridTau, j+2), grid[i][j].sse) {
				ends = append(ends, p.descend(grid[i][j], free, longDescent))
			}
		}
	}
	return ends
}

// alongBound follows a spot that is near a bound of gamma along this bound. The valley's floor is bent there, and a
// descent that may leave the bound ends at the bend.
func (p *projection) alongBound(best spot) spot {
	ratio := best.linear[1] / best.linear[0]
	if !(math.Abs(ratio) > .999*maxLogGamma) {
		return best
	}
	p.ratioHeld = math.Copysign(maxLogGamma, ratio)
	defer func() { p.ratioHeld = 0 }()
	if there := p.descend(best, free, longDescent); there.sse < best.sse {
		return there
	}
	return best
}

// candidates returns at most starts spots: those on the valley's floor, and then the lowest local minima of the grid.
func (p *projection) candidates(grid [][gridTau]spot) []spot {
	var minima, floor []spot
	for i := range grid {
		lowest := slices.MinFunc(grid[i][:], bySSE)
		if i%3 == 1 && !math.IsInf(lowest.sse, 1) {
			floor = append(floor, lowest)
		}
		for j := range grid[i] {
			if isLowest(grid[max(0, i-1):min(gridBeta, i+2)], max(0, j-1), min(gridTau, j+2), grid[i][j].sse) {
				minima = append(minima, grid[i][j])
			}
		}
	}
	slices.SortStableFunc(minima, bySSE)
	return append(floor, minima[:min(starts-len(floor), len(minima))]...)
}

// columns returns the lowest spot at every fifth tau of the grid.
func columns(grid [][gridTau]spot) (lowest []spot) {
	for j := 0; j < gridTau; j += 5 {
		best := grid[0][j]
		for i := range grid {
			if grid[i][j].sse < best.sse {
				best = grid[i][j]
			}
		}
		lowest = append(lowest, best)
	}
	return lowest
}

func bySSE(a, b spot) int { return cmp.Compare(a.sse, b.sse) }

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
	for j := range gridTau {
		tau := math.Exp(p.tauOf(j))
		for r, u := range p.s.u {
			log[j][r] = math.Log(u + tau)
		}
	}
	row := p.newRow()
	decay := make([]float64, m)
	for i := range gridBeta {
		beta := math.Exp(p.betaOf(i))
		for r, u := range p.s.u {
			decay[r] = math.Exp(-beta * (u - p.u0))
		}
		row.factor(p, decay)
		for j := range gridTau {
			at := [2]float64{p.betaOf(i), p.tauOf(j)}
			if !p.allowed(at) {
				spots[i][j].sse = math.Inf(1)
				continue
			}
			spots[i][j] = row.solve(p, at, decay, log[j])
		}
	}
	return spots
}

// betaOf returns the i-th ln beta of the grid.
func (p *projection) betaOf(i int) float64 {
	top := min(math.Log(2e4/(1-p.u0)), p.high[0])
	bottom := min(math.Log(1e-3/(1-p.u0)), top-math.Log(1e3))
	return between(bottom, top, i, gridBeta)
}

// tauOf returns the j-th ln tau of the grid.
func (p *projection) tauOf(j int) float64 {
	return between(math.Log(0.03*max(p.s.firstStep, 1e-7)), math.Log(30), j, gridTau)
}

// between returns the i-th of n numbers from low to high.
func between(low, high float64, i, n int) float64 { return low + (high-low)*float64(i)/float64(n-1) }

// gridRow holds what the grid's spots of one beta share: an orthonormal basis of (1, exp(-beta (u-u0))) and the rest of
// the target, which the basis does not explain.
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
	return spot{at: at, sse: max(row.restSquare-a1*a1*square, 0), linear: [3]float64{a1, a2, 0}, first: p.u0}
}

// project subtracts from x its part along the unit vector q, and returns the signed length of that part.
func project(x, q []float64) float64 {
	along := dot(x, q)
	for r := range x {
		x[r] -= along * q[r]
	}
	return along
}
