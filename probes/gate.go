package probes

// gateMean is the mean gate score over tokens, heads and channels (the gate score of arXiv 2505.06708, which interprets
// it as sparsity). It is near .5 for a freshly initialized sigmoid gate.
var gateMean = Statistic{Formula: "mean gate score", Source: "2505.06708", Unit: "1", Needs: []string{Gate},
	Compute: func(_ *Layer, at *Site) []Value {
		return layerValue(total(at.Data) / float64(len(at.Data)))
	}}

// gateShut is the score below which a gate counts as shut.
const gateShut = 0.1

// gateSparsity is the share of gate scores below .1. The threshold is ours.
var gateSparsity = Statistic{Formula: "share of gate scores < .1", Source: "after 2505.06708", Unit: "share",
	Beyond: true, Needs: []string{Gate}, Compute: func(_ *Layer, at *Site) []Value {
		shut := 0
		for _, s := range at.Data {
			if s < gateShut {
				shut++
			}
		}
		return layerValue(float64(shut) / float64(len(at.Data)))
	}}
