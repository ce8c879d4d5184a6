package probes

import "math"

// The tightness of the four bounds of arXiv 2510.06477 on the effect of a large x_0 on the spectrum of X, mean over
// sequences. It is the smaller side of the bound over the larger one: 1 if the bound is met with equality, NaN if both
// sides are 0. The bounds hold for x_0 != 0 and min(T, C) >= 2. With p = (c + alpha)/(c + 1):
//
//	bound_sigma1      sigma_1^2 >= M + alpha R
//	bound_gap         sigma_1^2 / sum over j >= 2 of sigma_j^2 >= (c + alpha)/(1 - alpha)
//	bound_anisotropy  p_1 >= p
//	bound_entropy     H <= -p log p - (1-p) log(1-p) + (1-p) log(r-1), r = min(T, C)
//
// The values depend on T: compare them over checkpoints at one T.
var (
	boundSigma1 = ofBound("(M + alpha R) / sigma_1^2",
		func(s spectrum) float64 { return s.share() * s.whole / s.squares[0] })
	boundGap        = ofBound("(c + alpha) sum_{j>=2} sigma_j^2 / ((1 - alpha) sigma_1^2)", spectrum.gap)
	boundAnisotropy = ofBound("((c + alpha)/(c + 1)) / p_1",
		func(s spectrum) float64 { return s.share() / s.anisotropy() })
	boundEntropy = ofBound("H / (-p log p - (1-p) log(1-p) + (1-p) log(r-1))",
		func(s spectrum) float64 { return s.entropy() / s.entropyBound() })
)

func ofBound(formula string, of func(s spectrum) float64) Statistic {
	return ofSpectrum(formula, "2510.06477", "1", of)
}

// share returns p = (c + alpha)/(c + 1), which equals (M + alpha R)/||X||_F^2.
func (s spectrum) share() float64 { return (s.c + s.alpha) / (s.c + 1) }

// rest returns the sum of all sigma_j^2 except the first.
func (s spectrum) rest() float64 {
	sum := 0.0
	for _, square := range s.squares[1:] {
		sum += square
	}
	return sum
}

func (s spectrum) gap() float64 { return (s.c + s.alpha) * s.rest() / ((1 - s.alpha) * s.squares[0]) }

func (s spectrum) entropyBound() float64 {
	p := min(1, s.share())
	return entropy([]float64{p, 1 - p}) + (1-p)*math.Log(float64(len(s.squares)-1))
}
