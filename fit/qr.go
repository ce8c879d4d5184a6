package fit

import "math"

// reflectors is the Householder factorisation of a tall matrix, made column by column and in place. Its storage is
// reused, so that a fit allocates once.
type reflectors struct {
	cols [][]float64 // below and on the diagonal: the reflector; above: R
	diag []float64   // diagonal of R; 0 marks a column that depends on the columns before it
	beta []float64   // 2 / |reflector|^2
}

// dependent is the smallest share of an independent column's length that is left after projecting out the columns
// before it.
const dependent = 1e-14

func (f *reflectors) factor(cols [][]float64) {
	f.cols = cols
	f.diag = append(f.diag[:0], make([]float64, len(cols))...)
	f.beta = append(f.beta[:0], make([]float64, len(cols))...)
	for k, col := range cols {
		full := dot(col, col)
		for j := range k {
			f.reflect(j, col)
		}
		v := col[k:]
		rest := dot(v, v)
		if rest <= dependent*dependent*full || rest == 0 {
			continue
		}
		alpha := -math.Copysign(math.Sqrt(rest), v[0])
		v[0] -= alpha
		f.diag[k] = alpha
		f.beta[k] = 2 / dot(v, v)
	}
}

// reflect applies the k-th reflector to b.
func (f *reflectors) reflect(k int, b []float64) {
	if f.beta[k] == 0 {
		return
	}
	v, w := f.cols[k][k:], b[k:]
	s := f.beta[k] * dot(v, w)
	for i := range v {
		w[i] -= s * v[i]
	}
}

// apply replaces b with Q'b. The elements after the first len(cols) are the part of b that the columns cannot explain.
func (f *reflectors) apply(b []float64) {
	for k := range f.cols {
		f.reflect(k, b)
	}
}

// solve writes the least-squares solution for Q'b to x. Dependent columns get 0.
func (f *reflectors) solve(qb, x []float64) {
	for k := len(f.cols) - 1; k >= 0; k-- {
		x[k] = 0
		if f.diag[k] == 0 {
			continue
		}
		s := qb[k]
		for j := k + 1; j < len(f.cols); j++ {
			s -= f.cols[j][k] * x[j]
		}
		x[k] = s / f.diag[k]
	}
}

// dot returns the inner product. It keeps four sums, so that an addition does not wait for the one before it.
func dot(a, b []float64) float64 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float64
	i := 0
	for ; i+4 <= len(a); i += 4 {
		x, y := a[i:i+4:i+4], b[i:i+4:i+4]
		s0 += x[0] * y[0]
		s1 += x[1] * y[1]
		s2 += x[2] * y[2]
		s3 += x[3] * y[3]
	}
	for ; i < len(a); i++ {
		s0 += a[i] * b[i]
	}
	return (s0 + s1) + (s2 + s3)
}

// matrix returns n columns of m rows in one allocation.
func matrix(m, n int) [][]float64 {
	data := make([]float64, m*n)
	cols := make([][]float64, n)
	for k := range cols {
		cols[k] = data[k*m : (k+1)*m : (k+1)*m]
	}
	return cols
}
