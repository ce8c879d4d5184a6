package archs

import (
	"math"

	"github.com/outcrop-lab/outcrop/rng"
)

// draw fills a parameter of that shape with its first values.
type draw func(values []float32, shape []int, std float64, r rng.Stream)

func ones(values []float32, _ []int, _ float64, _ rng.Stream) {
	for i := range values {
		values[i] = 1
	}
}

// normal draws from N(0, std^2).
func normal(values []float32, _ []int, std float64, r rng.Stream) {
	random := r.Rand()
	for i := range values {
		values[i] = float32(std * random.NormFloat64())
	}
}

// orthogonal draws a square matrix whose rows are orthonormal: Gram-Schmidt, twice over, on a Gaussian matrix, which is
// uniform over the orthogonal matrices. std plays no part.
func orthogonal(values []float32, shape []int, _ float64, r rng.Stream) {
	n := shape[1]
	random := r.Rand()
	rows := make([][]float64, shape[0])
	for i := range rows {
		row := make([]float64, n)
		for j := range row {
			row[j] = random.NormFloat64()
		}
		for range 2 {
			for _, other := range rows[:i] {
				overlap := dot(row, other)
				for j := range row {
					row[j] -= overlap * other[j]
				}
			}
		}
		norm := math.Sqrt(dot(row, row))
		for j := range row {
			row[j] /= norm
			values[i*n+j] = float32(row[j])
		}
		rows[i] = row
	}
}

func dot(a, b []float64) float64 {
	sum := 0.0
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}
