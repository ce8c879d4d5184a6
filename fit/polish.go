package fit

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/mat"
)

// polisher runs a bounded Levenberg-Marquardt on A, ln lambda, ln gamma, ln t0 and K of the normalised curve. It uses
// the analytic Jacobian and damps each parameter in proportion to the length of its column.
type polisher struct {
	s         series
	jac, work [][]float64
	res, rhs  []float64
	qr        reflectors
	pin       *pin // nil if no quantity is pinned
}

func newPolisher(s series) *polisher { return newPinned(s, nil) }

// newPinned returns a polisher whose sum of squares includes the pin's residual, as a last row.
func newPinned(s series, by *pin) *polisher {
	m := len(s.u)
	if by != nil {
		m++
	}
	return &polisher{s: s, jac: matrix(m, 5), work: matrix(m+5, 5), res: make([]float64, m), rhs: make([]float64, m+5),
		pin: by}
}

// squares returns the sum that descend minimises.
func (l *polisher) squares(p natural) float64 {
	sum := squares(l.s, p)
	if l.pin != nil {
		d := l.pin.residual(p)
		if sum += d * d; math.IsNaN(sum) {
			return math.Inf(1)
		}
	}
	return sum
}

// free, as the index held, means that descend holds no parameter.
const free = -1

// descend minimises the sum of squares and never returns a worse curve than start. It keeps the parameter of index held
// unchanged, and stops when an iteration reduces the sum by no more than the share gain.
func (l *polisher) descend(start natural, held int, gain float64) (natural, float64) {
	const iterations = 60
	m := len(l.res)
	here, sse, damping := start, l.squares(start), 1e-6
	fresh := true
	for range iterations {
		if fresh {
			l.linearise(here)
			fresh = false
		}
		for k := range l.work {
			copy(l.work[k], l.jac[k])
			clear(l.work[k][m:])
			l.work[k][m+k] = math.Sqrt(damping * dot(l.jac[k], l.jac[k]))
			if k == held {
				clear(l.work[k])
			}
		}
		copy(l.rhs, l.res)
		clear(l.rhs[m:])
		var step [5]float64
		l.qr.factor(l.work)
		l.qr.apply(l.rhs)
		l.qr.solve(l.rhs, step[:])
		next := here.move(step, held, l.s)
		if there := l.squares(next); there < sse {
			done := sse-there <= gain*sse
			here, sse, fresh = next, there, true
			damping = max(damping/10, 1e-15)
			if done {
				break
			}
		} else if damping *= 10; damping > 1e8 {
			break
		}
	}
	return here, sse
}

// roundingGain is the gain for a descent that only rounding ends.
const roundingGain = 1e-15

func (l *polisher) linearise(p natural) {
	for r, u := range l.s.u {
		w := l.s.w[r]
		value, gradient := p.gradient(u)
		for k, g := range gradient {
			l.jac[k][r] = w * g
		}
		l.res[r] = w * (l.s.v[r] - value)
	}
	if l.pin != nil {
		last := len(l.res) - 1
		for k, slope := range slopes(l.pin.of, p) {
			l.jac[k][last] = l.pin.weight * slope
		}
		l.res[last] = l.pin.residual(p)
	}
}

// move takes a step in (A, ln lambda, ln gamma, ln t0, K). It limits a step to a factor of e and to the search's
// bounds, and leaves the parameter of index held unchanged.
func (p natural) move(step [5]float64, held int, s series) natural {
	p[0] += step[0]
	for k := 1; k < 4; k++ {
		if k != held {
			p[k] *= math.Exp(min(max(step[k], -1), 1))
		}
	}
	p[4] += step[4]
	return p.bounded(held, s)
}

// bounded returns p moved inside the search's bounds. If a bound concerns two parameters, it changes the one that is
// not held.
func (p natural) bounded(held int, s series) natural {
	least, most := s.betas()
	if held != 2 {
		p[2] = min(max(p[2], math.Exp(-maxLogGamma)), math.Exp(maxLogGamma))
	}
	if held != 1 {
		p[1] = min(max(p[1], least/p[2]), most/p[2], maxLambdaT0/p[3])
		return p
	}
	p[2] = min(max(p[2], least/p[1]), most/p[1])
	p[3] = min(p[3], maxLambdaT0/p[1])
	return p
}

// squares returns the weighted sum of squared residuals of the normalised series, or +Inf if the curve is not a number.
func squares(s series, p natural) float64 {
	var sum float64
	for r, u := range s.u {
		d := s.w[r] * (s.v[r] - p.at(u))
		sum += d * d
	}
	if math.IsNaN(sum) {
		return math.Inf(1)
	}
	return sum
}

// identifiable is the largest condition number at which the five parameters do not count as trading off.
const identifiable = 1e6

// sensitivity is the singular value decomposition of the normalised curve's weighted Jacobian by A, ln lambda, ln
// gamma, ln t0 and K, with its columns scaled to unit length.
type sensitivity struct {
	svd    mat.SVD
	length [5]float64 // of the columns before scaling
	zero   string     // a parameter whose column vanishes; the other fields are then not set
}

var emergenceNames = [5]string{"A", "lambda", "gamma", "t0", "K"}

func (p natural) sensitivity(s series) *sensitivity {
	jac := mat.NewDense(len(s.u), 5, nil)
	for r, u := range s.u {
		_, g := p.gradient(u)
		for k := range g {
			g[k] *= s.w[r]
		}
		jac.SetRow(r, g[:])
	}
	var at sensitivity
	for k := range 5 {
		col := jac.ColView(k).(*mat.VecDense)
		n := mat.Norm(col, 2)
		if bad(n) || bad(1/n) { // a subnormal length counts as 0
			at.zero = emergenceNames[k]
			return &at
		}
		col.ScaleVec(1/n, col)
		at.length[k] = n
	}
	if !at.svd.Factorize(jac, mat.SVDThin) {
		at.zero = strings.Join(emergenceNames[:], ", ")
	}
	return &at
}

// condition returns the condition number, and the parameters that move in the least determined direction.
func (at *sensitivity) condition() (float64, []string) {
	if at.zero != "" {
		return math.Inf(1), []string{at.zero}
	}
	var right mat.Dense
	at.svd.VTo(&right)
	var moved []string
	largest := 0.0
	for k := range 5 {
		largest = max(largest, math.Abs(right.At(k, 4)))
	}
	for k, name := range emergenceNames {
		if math.Abs(right.At(k, 4)) >= 0.3*largest {
			moved = append(moved, name)
		}
	}
	return at.svd.Cond(), moved
}

// covariance returns (J'J)^-1 in (A, ln lambda, ln gamma, ln t0, K) of the normalised curve, for a noise variance of 1.
// All its elements are +Inf if a column vanishes.
func (at *sensitivity) covariance() (c [5][5]float64) {
	if at.zero != "" {
		for i := range c {
			for j := range c {
				c[i][j] = math.Inf(1)
			}
		}
		return c
	}
	var right mat.Dense
	at.svd.VTo(&right)
	values := at.svd.Values(nil)
	for i := range 5 {
		for j := range 5 {
			for k, v := range values {
				c[i][j] += right.At(i, k) * right.At(j, k) / (v * v)
			}
			c[i][j] /= at.length[i] * at.length[j]
		}
	}
	return c
}

func tradeOff(condition float64, names []string) string {
	if len(names) == 1 {
		return fmt.Sprintf("not identifiable (condition %.2g): the data do not determine %s", condition, names[0])
	}
	return fmt.Sprintf("not identifiable (condition %.2g): %s trade off against each other", condition,
		strings.Join(names, ", "))
}

// Condition returns the Result.Condition that an emergence curve with the given parameters would have with equally
// weighted points at t. It is +Inf if changing one of the parameters does not change the curve at these points.
func Condition(params map[string]float64, t []float64) float64 {
	last := slices.Max(t)
	s := series{t: t, u: make([]float64, len(t)), w: slices.Repeat([]float64{1}, len(t)), scale: last, span: 1}
	for i := range t {
		s.u[i] = t[i] / last
	}
	condition, _ := named(params).normalised(s).sensitivity(s).condition()
	return condition
}
