package probes

import (
	"math"

	"gonum.org/v1/gonum/mat"
)

// Statistics of each weight matrix W [out, in]. Their rows are stored under the site "weight." followed by the
// parameter's name.
var (
	// spectralNorm is the largest singular value.
	spectralNorm = ofMatrix("sigma_1(W)", "own", "1",
		func(s *Site) float64 { return math.Sqrt(s.spectralPower().largest) })

	// stableRank is at most the rank, and 1 for a matrix of rank one (Rudelson and Vershynin, J. ACM 2007).
	stableRank = ofMatrix("||W||_F^2 / sigma_1(W)^2", "Rudelson and Vershynin, J. ACM 2007", "directions",
		func(s *Site) float64 { return s.spectralPower().whole / s.spectralPower().largest })

	// weightStd is the standard deviation of all entries about their mean (arXiv 2503.22329 rescales a weight by it).
	weightStd = ofMatrix("std of the entries, about their mean", "2503.22329", "1", func(s *Site) float64 {
		mean := total(s.Data) / float64(len(s.Data))
		sum := 0.0
		for _, v := range s.Data {
			sum += (float64(v) - mean) * (float64(v) - mean)
		}
		return math.Sqrt(sum / float64(len(s.Data)))
	})

	weightKurtosis = ofMatrix("excess kurtosis of the entries", "after 2506.19697", "1",
		func(s *Site) float64 { return excessKurtosis(s.Data) })
)

func ofMatrix(formula, source, unit string, of func(s *Site) float64) Statistic {
	return Statistic{Formula: formula, Source: source, Unit: unit, Of: Matrices, Beyond: true,
		Compute: func(_ *Layer, at *Site) []Value { return layerValue(of(at)) }}
}

// power holds a matrix's sigma_1^2 and the sum of all sigma_j^2.
type power struct{ largest, whole float64 }

// spectralPower returns the matrix's power, computed once, in float64. sigma_1^2 is the largest eigenvalue of the Gram
// matrix of the shorter side, which is as exact as the largest singular value. It is NaN if an entry is not finite.
func (s *Site) spectralPower() power {
	if s.power != nil {
		return *s.power
	}
	w := mat.NewDense(s.Shape[0], s.Shape[1], nil)
	for i, v := range s.Data {
		w.RawMatrix().Data[i] = float64(v)
	}
	var gram mat.SymDense
	if s.Shape[0] <= s.Shape[1] {
		gram.SymOuterK(1, w)
	} else {
		gram.SymOuterK(1, w.T())
	}
	s.power = &power{largest: math.NaN(), whole: mat.Trace(&gram)}
	var eigen mat.EigenSym
	if finite := s.power.whole - s.power.whole; finite == 0 && eigen.Factorize(&gram, false) {
		values := eigen.Values(nil)
		s.power.largest = math.Max(0, values[len(values)-1])
	}
	return *s.power
}
