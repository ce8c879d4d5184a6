// Package probes turns the sites of a forward pass on a fixed probe batch into activation statistics.
//
// A statistic is one file and one line of the registry. It sees one block at a time, through Layer, and declares
// which sites it needs; sites that the model lacks (a gate, say) give no rows.
package probes

import (
	"maps"
	"slices"
)

// Sites that a forward pass may show.
const (
	ResidPost = "resid_post"   // the residual stream after a block, [B, T, D]
	Pattern   = "attn.pattern" // attention weights, [B, H, T, Keys]
	Gate      = "attn.gate"    // gate scores, [B*T, H] or [B*T, H*E]
)

// Value is one measured number. Layer, Head and Idx are -1 where they do not apply; what Idx counts is declared by
// the statistic. Value may be NaN.
type Value struct {
	Site, Statistic  string
	Layer, Head, Idx int
	Value            float64
}

// Layer is what one block shows of the probe batch. Slices are nil where the model was not asked for the site, or
// has none.
type Layer struct {
	Index      int // from 0
	B, T, D, H int // sequences, positions, width, heads
	Resid      []float32
	Pattern    []float32
	// Keys is the number of columns of a pattern row: T, or T+1 where a KV bias stands before the first token.
	Keys int
	Gate []float32
	// Ordinary tells of each of the B*T positions whether it is an ordinary query: not the BOS, not a trigger.
	Ordinary []bool

	magnitudes []magnitude
}

// Has tells whether the layer shows a site.
func (l *Layer) Has(site string) bool {
	switch site {
	case ResidPost:
		return l.Resid != nil
	case Pattern:
		return l.Pattern != nil
	case Gate:
		return l.Gate != nil
	}
	return false
}

// Statistic reduces one block to rows. The first of Needs is the site under which the rows are stored; Index says
// what Value.Idx counts, "" where it is always -1. Compute fills Head, Idx and Value only.
type Statistic struct {
	Unit    string
	Index   string
	Needs   []string
	Compute func(l *Layer) []Value
}

var statistics = map[string]Statistic{
	"top1":                  top1,
	"top2":                  top2,
	"top3":                  top3,
	"median":                median,
	"ratio_mean":            ratioMean,
	"ratio_of_means":        ratioOfMeans,
	"top1_over_rms":         top1OverRMS,
	"kurtosis":              kurtosis,
	"bos_norm_ratio":        bosNormRatio,
	"first_token_attention": firstTokenAttention,
	"sink_rate":             sinkRate,
	"sink_rate_gu":          sinkRateGu,
	"gate_mean":             gateMean,
}

// Names lists the statistics, sorted.
func Names() []string { return slices.Sorted(maps.Keys(statistics)) }

// Lookup returns the statistic of that name.
func Lookup(name string) (Statistic, bool) {
	s, ok := statistics[name]
	return s, ok
}

// Measure returns the rows of every statistic whose sites the layer shows, in the order of their names.
func Measure(l *Layer) []Value {
	var rows []Value
	for _, name := range Names() {
		s := statistics[name]
		if slices.ContainsFunc(s.Needs, func(site string) bool { return !l.Has(site) }) {
			continue
		}
		for _, v := range s.Compute(l) {
			v.Site, v.Statistic, v.Layer = s.Needs[0], name, l.Index
			rows = append(rows, v)
		}
	}
	return rows
}

// layerValue is a row that speaks of the whole block.
func layerValue(v float64) []Value { return []Value{{Head: -1, Idx: -1, Value: v}} }
