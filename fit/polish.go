package fit

import (
	"fmt"
	"math"
	"strings"

	"gonum.org/v1/gonum/mat"
)

// polish is a bounded Levenberg-Marquardt on A, ln lambda, ln gamma, ln t0 and K of the normalised curve with the
// analytic Jacobian, each damped in proportion to its column's length. It never returns a worse fit than it was given.
func polish(s series, start natural) natural {
	const iterations = 60
	m := len(s.u)
	here, sse, damping := start, squares(s, start), 1e-6
	jac, work := matrix(m, 5), matrix(m+5, 5)
	res, rhs := make([]float64, m), make([]float64, m+5)
	var qr reflectors
	fresh := true
	for range iterations {
		if fresh {
			for r, u := range s.u {
				for k, g := range here.gradient(u) {
					jac[k][r] = g
				}
				res[r] = s.v[r] - here.at(u)
			}
			fresh = false
		}
		for k := range work {
			copy(work[k], jac[k])
			clear(work[k][m:])
			work[k][m+k] = math.Sqrt(damping * dot(jac[k], jac[k]))
		}
		copy(rhs, res)
		clear(rhs[m:])
		var step [5]float64
		qr.factor(work)
		qr.apply(rhs)
		qr.solve(rhs, step[:])
		next := here.move(step)
		if there := squares(s, next); there < sse {
			done := sse-there <= 1e-15*sse
			here, sse, fresh = next, there, true
			damping = max(damping/10, 1e-15)
			if done {
				break
			}
		} else if damping *= 10; damping > 1e8 {
			break
		}
	}
	return here
}

// move takes a step in (A, ln lambda, ln gamma, ln t0, K), within a factor of e and the search's bounds.
func (p natural) move(step [5]float64) natural {
	p[0] += step[0]
	for k := 1; k < 4; k++ {
		p[k] *= math.Exp(min(max(step[k], -1), 1))
	}
	p[2] = min(max(p[2], math.Exp(-maxLogGamma)), math.Exp(maxLogGamma))
	p[1] = min(max(p[1], 1e-5/p[2]), 1e5/p[2], maxLambdaT0/p[3])
	p[4] += step[4]
	return p
}

// squares is +Inf where the curve is not a number.
func squares(s series, p natural) float64 {
	var sum float64
	for r, u := range s.u {
		d := s.v[r] - p.at(u)
		sum += d * d
	}
	if math.IsNaN(sum) {
		return math.Inf(1)
	}
	return sum
}

// identifiable is the largest condition number at which the five parameters are called determined.
const identifiable = 1e6

// condition is the condition number of the Jacobian with unit columns over the points of s, in natural units, and the
// parameters that the least determined direction moves. It is +Inf where a column vanishes.
func (p natural) condition(s series) (float64, []string) {
	names := [5]string{"A", "lambda", "gamma", "t0", "K"}
	jac := mat.NewDense(len(s.t), 5, nil)
	for r, t := range s.t {
		g := p.gradient(t)
		jac.SetRow(r, g[:])
	}
	for k := range 5 {
		col := jac.ColView(k).(*mat.VecDense)
		n := mat.Norm(col, 2)
		if n == 0 || bad(n) {
			return math.Inf(1), []string{names[k]}
		}
		col.ScaleVec(1/n, col)
	}
	var svd mat.SVD
	if !svd.Factorize(jac, mat.SVDThin) {
		return math.Inf(1), names[:]
	}
	var right mat.Dense
	svd.VTo(&right)
	var moved []string
	largest := 0.0
	for k := range 5 {
		largest = max(largest, math.Abs(right.At(k, 4)))
	}
	for k := range 5 {
		if math.Abs(right.At(k, 4)) >= 0.3*largest {
			moved = append(moved, names[k])
		}
	}
	return svd.Cond(), moved
}

func tradeOff(condition float64, names []string) string {
	if len(names) == 1 {
		return fmt.Sprintf("not identifiable (condition %.2g): the data do not determine %s", condition, names[0])
	}
	return fmt.Sprintf("not identifiable (condition %.2g): %s trade off against each other", condition, strings.Join(names, ", "))
}
