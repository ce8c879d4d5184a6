package probes

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// spectrum holds what the representation statistics need to know about X [T, C], a sequence's activations, with the BOS
// in row 0, neither centred nor normalised (arXiv 2510.06477). All its numbers are NaN if X contains a NaN or an
// infinity.
type spectrum struct {
	squares []float64 // sigma_j^2, descending, min(T, C) of them
	whole   float64   // their sum, ||X||_F^2
	c       float64   // M/R, M = ||x_0||^2, R = sum over i > 0 of ||x_i||^2
	alpha   float64   // (1/R) sum over i > 0 of ||x_i||^2 cos^2(x_i, x_0)
}

// spectrum returns each sequence's spectrum, computed once, in float64.
func (l *Layer) spectrum(s *Site) []spectrum {
	if len(s.spectra) == 0 {
		width := l.width(s)
		x := mat.NewDense(l.T, width, nil)
		for b := range l.B {
			for i, v := range l.sequence(s, b) {
				x.RawMatrix().Data[i] = float64(v)
			}
			s.spectra = append(s.spectra, spectrumOf(x))
		}
	}
	return s.spectra
}

// spectrumOf takes sigma_j^2 from the smaller of X X^T and X^T X. Their errors are some 1e-16 ||X||_F^2.
func spectrumOf(x *mat.Dense) spectrum {
	rows, cols := x.Dims()
	first := x.RawRowView(0)
	var m, r, along float64
	for i := range rows {
		var square, dot float64
		for j, v := range x.RawRowView(i) {
			square += v * v
			dot += v * first[j]
		}
		if i == 0 {
			m = square
		} else {
			r += square
			along += dot * dot
		}
	}
	s := spectrum{squares: make([]float64, min(rows, cols)), c: m / r, alpha: along / m / r}
	gram := mat.NewSymDense(len(s.squares), nil)
	if rows <= cols {
		gram.SymOuterK(1, x)
	} else {
		gram.SymOuterK(1, x.T())
	}
	var eigen mat.EigenSym
	if bad := math.IsNaN(m+r) || math.IsInf(m+r, 0); bad || !eigen.Factorize(gram, false) {
		nan := math.NaN()
		for j := range s.squares {
			s.squares[j] = nan
		}
		return spectrum{squares: s.squares, whole: nan, c: nan, alpha: nan}
	}
	eigen.Values(s.squares)
	slices.Reverse(s.squares)
	for j, square := range s.squares {
		s.squares[j] = max(0, square)
		s.whole += s.squares[j]
	}
	return s
}

// entropy returns -sum p_j log p_j with p_j = sigma_j^2 / ||X||_F^2, in nats. It is NaN for X = 0.
func (s spectrum) entropy() float64 {
	sum := 0.0
	for _, square := range s.squares {
		if p := square / s.whole; p != 0 {
			sum -= p * math.Log(p)
		}
	}
	return sum
}

// anisotropy returns p_1, the share of the largest direction.
func (s spectrum) anisotropy() float64 { return s.squares[0] / s.whole }

// ofSpectrum returns the statistic that averages a function of the spectrum of X over sequences.
func ofSpectrum(formula, source, unit string, of func(s spectrum) float64) Statistic {
	return Statistic{Formula: formula, Source: source, Unit: unit, Of: Tokens, Beyond: true, Needs: []string{ResidPost},
		Compute: func(l *Layer, at *Site) []Value {
			sum := 0.0
			for _, s := range l.spectrum(at) {
				sum += of(s)
			}
			return layerValue(sum / float64(l.B))
		}}
}
