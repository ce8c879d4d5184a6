package fit

import "math"

// projection fits the emergence curve to a normalised series with the linear parameters (A1, A2, K) projected out
// (variable projection, Golub and Pereyra 1973, with Kaufman's Jacobian). The decay is counted from the first u, so
// that A1 and A2 are numbers of the data's size wherever they begin.
type projection struct {
	s      series
	phi    [][]float64 // exp(-beta (u-u0)) ln(u+tau), exp(-beta (u-u0)), 1; u0 is the first u
	slope  [][]float64 // derivative of the curve by ln beta and ln tau
	target []float64
	qr, qs reflectors

	level     float64 // K, if levelHeld
	levelHeld bool
	ratioHeld float64 // A2/A1, if it is held at one of its bounds; else 0

	work, jac [][]float64 // buffers of descend
	rhs, res  []float64
	low       [2]float64 // bounds of ln beta, ln tau
	high      [2]float64
	u0        float64 // the first u
}

// spot is a point of the search with its best linear parameters.
type spot struct {
	at     [2]float64 // ln beta, ln tau
	linear [3]float64 // A1, A2, K
	first  float64    // u0, from which the decay is counted
	sse    float64
	bound  string
}

const (
	maxLogGamma = 30.0 // of |A2/A1| = |ln gamma|, gamma per unit of normalised time: f must stay an emergence curve

	// A = A1 exp(beta (tau + u0)) must stay a number, and so must the square of its inverse.
	maxLambdaT0 = 50.0  // of beta tau = lambda t0
	maxDecay    = 300.0 // of beta u0, what has decayed before the first point
)

// betas returns the bounds of beta: from decays that the data do not show to decays within a hundred thousandth of
// the data's span.
func (s series) betas() (least, most float64) {
	u0 := s.first / s.scale
	return 1e-5, min(1e5/(1-u0), maxDecay/u0)
}

func newProjection(s series) *projection {
	m := len(s.u)
	least, most := s.betas()
	return &projection{
		s: s, phi: matrix(m, 3), slope: matrix(m, 2), target: make([]float64, m),
		work: matrix(m+2, 2), jac: matrix(m, 2), rhs: make([]float64, m+2), res: make([]float64, m),
		low:  [2]float64{math.Log(least), math.Log(1e-3 * max(s.firstStep, 1e-9))},
		high: [2]float64{math.Log(most), math.Log(1e3)},
		u0:   s.first / s.scale,
	}
}

func (p *projection) allowed(at [2]float64) bool { return at[0]+at[1] <= math.Log(maxLambdaT0) }

// at solves the linear part at (ln beta, ln tau).
func (p *projection) at(at [2]float64) spot {
	beta, tau := math.Exp(at[0]), math.Exp(at[1])
	for r, u := range p.s.u {
		p.slope[0][r] = math.Exp(-beta * (u - p.u0))
		p.slope[1][r] = math.Log(u + tau)
	}
	return p.solve(at, p.slope[0], p.slope[1])
}

// solve finds (A1, A2, K) given exp(-beta (u-u0)) and ln(u+tau). If gamma = exp(A2/A1) of the free solution is out of
// bounds, it takes the better of the two bounds.
func (p *projection) solve(at [2]float64, decay, log []float64) spot {
	for r := range decay {
		w := p.s.w[r]
		p.phi[0][r], p.phi[1][r], p.phi[2][r] = w*decay[r]*log[r], w*decay[r], w
	}
	sp := spot{at: at, first: p.u0}
	ratios := []float64{-maxLogGamma, maxLogGamma}
	if p.ratioHeld != 0 {
		ratios = []float64{p.ratioHeld}
	} else {
		sp.sse = p.least(p.phi, sp.linear[:])
		if p.levelHeld {
			sp.linear[2] = p.level
		}
		if math.Abs(sp.linear[1]) <= maxLogGamma*math.Abs(sp.linear[0]) && sp.linear[0] != 0 {
			return sp
		}
	}
	sp.sse = math.Inf(1)
	for _, ratio := range ratios {
		for r := range decay {
			w := p.s.w[r]
			p.phi[0][r], p.phi[1][r] = w*decay[r]*(log[r]+ratio), w
		}
		var x [2]float64
		if sse := p.least(p.phi[:2], x[:]); sse < sp.sse {
			sp.sse = sse
			sp.linear = [3]float64{x[0], x[0] * ratio, x[1]}
			if p.levelHeld {
				sp.linear[2] = p.level
			}
		}
	}
	return sp
}

// least solves the linear least squares problem into x and returns its sum of squares. The last of cols is that of K.
func (p *projection) least(cols [][]float64, x []float64) float64 {
	for r, w := range p.s.w {
		p.target[r] = w * (p.s.v[r] - p.level)
	}
	cols = p.linear(cols)
	p.qr.factor(cols)
	p.qr.apply(p.target)
	p.qr.solve(p.target, x)
	rest := p.target[len(cols):]
	return dot(rest, rest)
}

// linear returns the columns whose parameters are free.
func (p *projection) linear(cols [][]float64) [][]float64 {
	if p.levelHeld {
		return cols[:len(cols)-1]
	}
	return cols
}

// descend runs a Levenberg-Marquardt in (ln beta, ln tau) inside the bounds. It keeps the coordinate of index held
// unchanged. It first solves the linear part, which is not complete in a spot of the grid.
func (p *projection) descend(start spot, held, iterations int) spot {
	start = p.at(start.at)
	here, damping := start, 1e-3
	m := len(p.s.u)
	work, rhs, jac, res := p.work, p.rhs, p.jac, p.res
	fresh := true
	for range iterations {
		if fresh {
			p.linearise(here, jac, res)
			fresh = false
		}
		for k := range 2 {
			copy(work[k], jac[k])
			work[k][m], work[k][m+1] = 0, 0
			work[k][m+k] = math.Sqrt(damping) * math.Sqrt(dot(jac[k], jac[k]))
		}
		if held != free {
			clear(work[held])
		}
		copy(rhs, res)
		rhs[m], rhs[m+1] = 0, 0
		var step [2]float64
		p.qs.factor(work)
		p.qs.apply(rhs)
		p.qs.solve(rhs, step[:])
		next := here.at
		for k := range 2 {
			next[k] = min(max(next[k]+min(max(step[k], -3), 3), p.low[k]), p.high[k])
		}
		if !p.allowed(next) {
			if held == 0 {
				next[1] = math.Log(maxLambdaT0) - next[0]
				if next[1] < p.low[1] {
					break
				}
			} else {
				next[0] = max(p.low[0], math.Log(maxLambdaT0)-next[1])
			}
		}
		if moved := math.Abs(next[0]-here.at[0]) + math.Abs(next[1]-here.at[1]); moved < 1e-13 {
			break
		}
		if there := p.at(next); there.sse < here.sse {
			done := here.sse-there.sse <= 1e-15*here.sse
			here, fresh = there, true
			damping = max(damping/10, 1e-12)
			if done {
				break
			}
		} else if damping *= 8; damping > 1e12 {
			break
		}
	}
	return here
}

// linearise computes the residual at a spot into res, and into jac its Kaufman Jacobian: the part of the curve's
// derivative that the basis does not explain.
func (p *projection) linearise(sp spot, jac [][]float64, res []float64) {
	beta, tau := math.Exp(sp.at[0]), math.Exp(sp.at[1])
	a1, a2, k := sp.linear[0], sp.linear[1], sp.linear[2]
	for r, u := range p.s.u {
		decay, log := math.Exp(-beta*(u-p.u0)), math.Log(u+tau)
		w := p.s.w[r]
		p.phi[0][r], p.phi[1][r], p.phi[2][r] = w*decay*log, w*decay, w
		jac[0][r] = -w * beta * (u - p.u0) * decay * (a1*log + a2)
		jac[1][r] = w * a1 * decay * tau / (u + tau)
		res[r] = w * (p.s.v[r] - decay*(a1*log+a2) - k)
	}
	free := p.phi
	if math.Abs(a2) >= maxLogGamma*math.Abs(a1)*(1-1e-12) { // at the bound of gamma only two parameters are linear
		ratio := math.Copysign(maxLogGamma, a2/a1)
		for r := range p.phi[0] {
			p.phi[0][r] += ratio * p.phi[1][r]
			p.phi[1][r] = p.s.w[r]
		}
		free = p.phi[:2]
	}
	free = p.linear(free)
	p.qr.factor(free)
	for k := range jac {
		p.qr.apply(jac[k])
		clear(jac[k][:len(free)])
	}
	p.qr.apply(res)
	clear(res[:len(free)])
}

// natural returns the parameters of the normalised curve.
func (sp spot) natural() natural {
	beta, tau := math.Exp(sp.at[0]), math.Exp(sp.at[1])
	gamma := 1.0
	if sp.linear[0] != 0 {
		gamma = math.Exp(sp.linear[1] / sp.linear[0])
	}
	return natural{sp.linear[0] * math.Exp(beta*(tau+sp.first)), beta / gamma, gamma, tau * gamma, sp.linear[2]}
}

// name describes the bound at which a spot lies, if any.
func (p *projection) name(sp *spot) {
	const near = 1e-6
	switch {
	case math.Abs(sp.linear[1]) >= maxLogGamma*math.Abs(sp.linear[0])*(1-1e-9):
		sp.bound = "gamma at its bound, the curve is nearly an exponential"
	case sp.at[0] <= p.low[0]+near:
		sp.bound = "lambda gamma at its least, the data show no decay"
	case sp.at[0] >= p.high[0]-near && math.Exp(p.high[0])*p.u0 >= maxDecay*(1-near):
		sp.bound = "lambda gamma at its largest: of a faster decay, too little is left at the first t for A to be a number"
	case sp.at[0] >= p.high[0]-near:
		sp.bound = "lambda gamma at its largest, the curve is over within the first steps"
	case sp.at[1] <= p.low[1]+near:
		sp.bound = "t0/gamma at its least, the curve jumps before the first positive t"
	case sp.at[1] >= p.high[1]-near || !p.allowed([2]float64{sp.at[0] + near, sp.at[1]}):
		sp.bound = "t0/gamma at its largest, the logarithm is nearly a line"
	}
}
