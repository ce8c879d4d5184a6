package predict

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/outcrop-lab/outcrop/rng"
)

// Ridge is linear regression with an L2 penalty. It minimises |y - Xw|^2 + Alpha |w|^2 over columns of mean 0 and
// variance 1; the intercept is not penalised.
type Ridge struct{ Alpha float64 }

// Lasso is linear regression with an L1 penalty. It minimises |y - Xw|^2/(2n) + Alpha |w|_1 over columns of mean 0 and
// variance 1; the intercept is not penalised.
type Lasso struct{ Alpha float64 }

// line is the linear model x -> intercept + weights (x - mean)/scale.
type line struct {
	mean, scale, weights []float64
	intercept            float64
}

// Predict implements Model.
func (m line) Predict(x []float64) float64 {
	y := m.intercept
	for j, w := range m.weights {
		if w != 0 {
			y += w * (x[j] - m.mean[j]) / m.scale[j]
		}
	}
	return y
}

// standardise returns a line with zero weights, the standardised columns, [features][rows], and y less its mean. A
// constant column becomes zeros.
func standardise(x [][]float64, y []float64) (line, [][]float64, []float64) {
	n := float64(len(y))
	var m line
	columns := make([][]float64, len(x[0]))
	for j := range columns {
		c := make([]float64, len(y))
		var mean, squares float64
		for r := range x {
			mean += x[r][j] / n
		}
		for r := range x {
			c[r] = x[r][j] - mean
			squares += c[r] * c[r] / n
		}
		scale := math.Sqrt(squares)
		if scale <= 1e-12*math.Abs(mean) {
			scale = 1
			clear(c)
		}
		for r := range c {
			c[r] /= scale
		}
		columns[j] = c
		m.mean, m.scale = append(m.mean, mean), append(m.scale, scale)
	}
	for _, v := range y {
		m.intercept += v / n
	}
	left := make([]float64, len(y))
	for r := range y {
		left[r] = y[r] - m.intercept
	}
	m.weights = make([]float64, len(columns))
	return m, columns, left
}

// Fit implements Learner. It draws no random numbers.
func (l Ridge) Fit(x [][]float64, y []float64, _ rng.Stream) Model {
	m, columns, left := standardise(x, y)
	p := len(columns)
	gram, right := mat.NewSymDense(p, nil), mat.NewVecDense(p, nil)
	for i := range p {
		for j := range i + 1 {
			gram.SetSym(i, j, dot(columns[i], columns[j]))
		}
		gram.SetSym(i, i, gram.At(i, i)+l.Alpha)
		right.SetVec(i, dot(columns[i], left))
	}
	var factor mat.Cholesky
	if !factor.Factorize(gram) {
		panic("predict: the ridge matrix is not positive definite: Alpha must be positive")
	}
	var w mat.VecDense
	if err := factor.SolveVecTo(&w, right); err != nil {
		panic(err) // Alpha bounds the condition number, so this cannot happen
	}
	copy(m.weights, w.RawVector().Data)
	return m
}

// Fit implements Learner by coordinate descent (Friedman et al. 2010). It draws no random numbers.
func (l Lasso) Fit(x [][]float64, y []float64, _ rng.Stream) Model {
	const sweeps, precise = 10000, 1e-9
	m, columns, left := standardise(x, y)
	n := float64(len(y))
	size := math.Sqrt(dot(left, left) / n)
	norms := make([]float64, len(columns))
	for j, c := range columns {
		norms[j] = dot(c, c) / n
	}
	for range sweeps {
		var moved float64
		for j, c := range columns {
			if norms[j] == 0 {
				continue
			}
			old := m.weights[j]
			rho := dot(c, left)/n + norms[j]*old
			w := math.Copysign(max(math.Abs(rho)-l.Alpha, 0), rho) / norms[j]
			if w == old {
				continue
			}
			for r := range left {
				left[r] -= (w - old) * c[r]
			}
			m.weights[j] = w
			moved = max(moved, math.Abs(w-old))
		}
		if moved <= precise*size {
			break
		}
	}
	return m
}

func dot(a, b []float64) float64 {
	var sum float64
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}
