package probes

import "math"

// kappas are the multiples of the median over channels above which a channel counts as an outlier.
var kappas = []int{5, 10, 20}

// channelOutliers counts the channels c that stand out by a factor kappa in two ways: the mean |x_c| over all tokens is
// more than kappa times the median of these means over channels; and in at least half of the tokens, |x_c| is more than
// kappa times that token's median |x|. By this rule a few massive activations do not make an outlier channel. The rule
// is ours; the term is from arXiv 2505.21670.
var channelOutliers = Statistic{Formula: "channels with mean|x_c| > kappa median_c mean|x_c|, " +
	"and |x_c| > kappa median|x| in half of the tokens",
	Source: "after 2505.21670", Unit: "channels", Index: "kappa", Beyond: true, Of: Tokens, Needs: []string{ResidPost},
	Compute: func(l *Layer, at *Site) []Value {
		width, tokens := l.width(at), l.B*l.T
		means, sized := make([]float64, width), make([]float32, width)
		over := make([][]int, len(kappas)) // by kappa and channel: the number of tokens
		for i := range over {
			over[i] = make([]int, width)
		}
		for row := range tokens {
			x := at.Data[row*width : (row+1)*width]
			for c, v := range x {
				sized[c] = float32(math.Abs(float64(v)))
				means[c] += math.Abs(float64(v)) / float64(tokens)
			}
			middle := exactMedian(sized)
			for c, v := range x {
				for i, kappa := range kappas {
					if math.Abs(float64(v)) > float64(kappa)*middle {
						over[i][c]++
					}
				}
			}
		}
		for c := range sized {
			sized[c] = float32(means[c])
		}
		middle := exactMedian(sized)
		rows := make([]Value, len(kappas))
		for i, kappa := range kappas {
			count := 0
			for c := range width {
				if means[c] > float64(kappa)*middle && 2*over[i][c] >= tokens {
					count++
				}
			}
			rows[i] = Value{Head: -1, Idx: kappa, Value: float64(count)}
		}
		return rows
	}}
