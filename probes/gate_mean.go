package probes

// gateMean is the mean gate score over tokens, heads and channels (the gate score of arXiv 2505.06708, which reads it
// as sparsity). A fresh sigmoid gate stands near .5.
var gateMean = Statistic{Unit: "1", Needs: []string{Gate}, Compute: func(l *Layer) []Value {
	sum := 0.0
	for _, s := range l.Gate {
		sum += float64(s)
	}
	return layerValue(sum / float64(len(l.Gate)))
}}
