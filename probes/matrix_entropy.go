package probes

import "math"

// The spread of X = [T, C] over directions, mean over sequences: p_j = sigma_j^2 / ||X||_F^2, H = -sum p_j log p_j
// (arXiv 2510.06477). H in bits lies between 0 (rank one) and log2 min(T, C) (all singular values equal).
var (
	// The time of a spectrum grows with the third power of min(T, C), so that only small models have it by default.
	matrixEntropy = upTo(128, ofSpectrum("-sum_j p_j log2 p_j, p_j = sigma_j^2/||X||_F^2", "2510.06477", "bits",
		func(s spectrum) float64 { return s.entropy() / math.Ln2 }))

	// It is NaN if min(T, C) is 1.
	matrixEntropyNormalised = ofSpectrum("-sum_j p_j log p_j / log min(T, C)", "2510.06477", "1",
		func(s spectrum) float64 { return s.entropy() / math.Log(float64(len(s.squares))) })

	anisotropy = ofSpectrum("p_1 = sigma_1^2/||X||_F^2", "2510.06477", "share",
		func(s spectrum) float64 { return s.anisotropy() })
)

// effectiveRank is exp(H) with the shares p_j above, mean over sequences. Roy and Vetterli (EUSIPCO 2007) use the
// shares of sigma_j instead of its square, which gives a larger number.
var effectiveRank = ofSpectrum("exp(-sum_j p_j log p_j), p_j = sigma_j^2/||X||_F^2",
	"after Roy and Vetterli, EUSIPCO 2007", "directions",
	func(s spectrum) float64 { return math.Exp(s.entropy()) })

// upTo puts a statistic into the default set of models whose smaller one of context and width is at most that size.
func upTo(size int, s Statistic) Statistic {
	s.Beyond, s.UpTo = false, size
	return s
}
