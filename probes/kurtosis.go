package probes

import "math"

// kurtosis is the excess kurtosis of a token over its channels, E[(x-mu)^4]/sigma^4 - 3 (arXiv 2506.19697, Eq. 4),
// mean over all tokens. It is 0 for a Gaussian, at most C-5+1/(C-1) (a one-hot token), NaN for a constant one.
var kurtosis = ofToken("E[(x-mu)^4]/sigma^4 - 3", excessKurtosis)

// kurtosisNormalised is kurtosis over C-3, which makes it nearly independent of the width: a one-hot token has 1 -
// (C-2)/((C-1)(C-3)).
var kurtosisNormalised = beyond(ofToken("(E[(x-mu)^4]/sigma^4 - 3)/(C-3)", func(x []float32) float64 {
	return excessKurtosis(x) / float64(len(x)-3)
}))

// kurtosisLength1 is the kurtosis of the probe batch's tokens, each alone in its sequence.
var kurtosisLength1 = length1(kurtosis)

// kurtosisNormalisedLength1 is kurtosisNormalised of the same tokens.
var kurtosisNormalisedLength1 = length1(kurtosisNormalised)

// kurtosisUncentred is the formula of the script released with arXiv 2506.19697: max(0, mean(x^4)/s^4 - 3), the fourth
// moment about zero and s the unbiased standard deviation, here over full contexts. A one-hot token has C-3. An offset
// common to all channels makes it unbounded.
var kurtosisUncentred = beyond(ofToken("max(0, mean(x^4)/s^4 - 3), s unbiased", uncentredKurtosis))

// kurtosisUncentredLength1 is what that script computes, with each token alone in its sequence.
var kurtosisUncentredLength1 = length1(kurtosisUncentred)

// ofToken returns the statistic that averages a function of a token's channels over all tokens.
func ofToken(formula string, of func(x []float32) float64) Statistic {
	return Statistic{Formula: "mean over tokens of " + formula + " over channels", Source: "2506.19697", Unit: "1",
		Of: Tokens, Needs: []string{ResidPost}, Compute: func(l *Layer, at *Site) []Value {
			sum, width := 0.0, l.width(at)
			for row := range l.B * l.T {
				sum += of(at.Data[row*width : (row+1)*width])
			}
			return layerValue(sum / float64(l.B*l.T))
		}}
}

// length1 returns a statistic computed on sequences of one token.
func length1(s Statistic) Statistic {
	s.Length1, s.Beyond = true, true
	s.Formula += "; each token alone in its sequence"
	return s
}

func excessKurtosis(x []float32) float64 {
	n, mean := float64(len(x)), 0.0
	for _, v := range x {
		mean += float64(v)
	}
	mean /= n
	var second, fourth float64
	for _, v := range x {
		square := (float64(v) - mean) * (float64(v) - mean)
		second += square
		fourth += square * square
	}
	return n*fourth/(second*second) - 3
}

func uncentredKurtosis(x []float32) float64 {
	n, mean, fourth := float64(len(x)), 0.0, 0.0
	for _, v := range x {
		mean += float64(v)
		square := float64(v) * float64(v)
		fourth += square * square
	}
	mean /= n
	second := 0.0
	for _, v := range x {
		second += (float64(v) - mean) * (float64(v) - mean)
	}
	variance := second / (n - 1)
	return math.Max(0, fourth/n/(variance*variance)-3) // NaN stays NaN
}
