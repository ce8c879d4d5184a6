// Package probes turns the sites of a forward pass on a fixed probe batch, and the parameters behind it, into
// statistics.
//
// A statistic is one file and one line of the registry. It sees one block at a time, through Layer, and declares which
// sites it needs; sites that the model lacks (a gate, say) give no rows. What needs several layers or steps is derived
// from stored rows: package derive.
package probes

import (
	"maps"
	"slices"
)

// Sites that the statistics read by name. Any other site that has a row of channels for every token may be named to the
// statistics that take tokens.
const (
	ResidPost = "resid_post"   // the residual stream after a block, [B, T, D]
	Pattern   = "attn.pattern" // attention weights, [B, H, T, Keys]; position j is column Keys-T+j
	Gate      = "attn.gate"    // gate scores, [B*T, n]
	Values    = "v"            // value states, [B, T, KV, E]
	DownIn    = "mlp.down_in"  // the down projection's input, [B, T, hidden]
	MLPOut    = "mlp.out"      // the down projection's output, [B, T, D]
)

// Weight is what the site of a parameter begins with: "weight.mlp.down" is the parameter mlp.down of a block.
const Weight = "weight."

// Value is one measured number. Layer, Head and Idx are -1 where they do not apply; what Idx counts is declared by
// the statistic. Value may be NaN.
type Value struct {
	Site, Statistic  string
	Layer, Head, Idx int
	Value            float64
}

// Of says at which sites a statistic is computed.
type Of int

// The sites that there are to choose from.
const (
	Fixed    Of = iota // the first of Needs alone
	Tokens             // the first of Needs unless others are named: a row of channels for every token
	Matrices           // every weight matrix, the embedding and the head among them
	Gains              // every gain of a norm
)

// Statistic reduces one block to rows. The site under which the rows are stored is the one that Compute is given.
// Compute fills Head, Idx and Value only, and returns at least one row wherever its sites are.
type Statistic struct {
	// Formula and Source say in a line what is computed, and the arXiv id that it is taken from or a few words.
	Formula, Source string
	Unit            string
	Index           string // what Value.Idx counts, "" where it is always -1
	Heads           bool   // a row for every head, or every head of values; elsewhere Value.Head is -1
	Of              Of
	Needs           []string // the sites that it reads, the one of its rows first; empty for parameters
	// Beyond leaves it out unless it is named.
	Beyond bool
	// Length1 has it computed on sequences of one token.
	Length1 bool
	Compute func(l *Layer, at *Site) []Value
}

var statistics = map[string]Statistic{
	"top1":                        top1,
	"top2":                        top2,
	"top3":                        top3,
	"median":                      median,
	"ratio_mean":                  ratioMean,
	"ratio_of_means":              ratioOfMeans,
	"massive":                     massive,
	"top1_channel":                top1Channel,
	"top1_position":               top1Position,
	"top1_signed":                 top1Signed,
	"channel_max":                 channelMax,
	"top1_over_rms":               top1OverRMS,
	"kurtosis":                    kurtosis,
	"kurtosis_normalised":         kurtosisNormalised,
	"kurtosis_length1":            kurtosisLength1,
	"kurtosis_normalised_length1": kurtosisNormalisedLength1,
	"kurtosis_uncentred":          kurtosisUncentred,
	"kurtosis_uncentred_length1":  kurtosisUncentredLength1,
	"channel_outliers":            channelOutliers,
	"token_norm":                  tokenNorm,
	"bos_norm_ratio":              bosNormRatio,
	"first_token_attention":       firstTokenAttention,
	"sink_rate":                   sinkRate,
	"sink_rate_gu":                sinkRateGu,
	"sink_score":                  sinkScore,
	"sink_position":               sinkPosition,
	"sink_score_max":              sinkScoreMax,
	"lost_mass":                   lostMass,
	"column_concentration":        columnConcentration,
	"column_concentration_renorm": columnConcentrationRenorm,
	"mixing_score":                mixingScore,
	"mixing_score_normalised":     mixingScoreNormalised,
	"head_entropy":                headEntropy,
	"head_entropy_normalised":     headEntropyNormalised,
	"value_norm_ratio":            valueNormRatio,
	"value_norm_first":            valueNormFirst,
	"value_norm_ratio_sink":       valueNormRatioSink,
	"gate_mean":                   gateMean,
	"gate_sparsity":               gateSparsity,
	"matrix_entropy":              matrixEntropy,
	"matrix_entropy_normalised":   matrixEntropyNormalised,
	"effective_rank":              effectiveRank,
	"anisotropy":                  anisotropy,
	"bound_sigma1":                boundSigma1,
	"bound_gap":                   boundGap,
	"bound_anisotropy":            boundAnisotropy,
	"bound_entropy":               boundEntropy,
	"spectral_norm":               spectralNorm,
	"stable_rank":                 stableRank,
	"weight_std":                  weightStd,
	"weight_kurtosis":             weightKurtosis,
	"weight_top":                  weightTop,
	"weight_top_row":              weightTopRow,
	"weight_top_column":           weightTopColumn,
	"gain":                        gain,
	"super_weight_row":            superWeightRow,
	"super_weight_column":         superWeightColumn,
	"super_weight_input":          superWeightInput,
	"super_weight_output":         superWeightOutput,
	"super_weight_value":          superWeightValue,
}

// Names lists the statistics, sorted.
func Names() []string { return slices.Sorted(maps.Keys(statistics)) }

// Lookup returns the statistic of that name.
func Lookup(name string) (Statistic, bool) {
	s, ok := statistics[name]
	return s, ok
}

// layerValue is a row that speaks of the whole block.
func layerValue(v float64) []Value { return []Value{{Head: -1, Idx: -1, Value: v}} }

// indexed makes a row for each of n things, of which of gives the value.
func indexed(n int, of func(i int) float64) []Value {
	rows := make([]Value, n)
	for i := range rows {
		rows[i] = Value{Head: -1, Idx: i, Value: of(i)}
	}
	return rows
}
