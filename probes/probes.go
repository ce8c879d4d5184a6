// Package probes computes statistics from the sites of a forward pass on a fixed probe batch, and from the parameters.
//
// A statistic is one file and one line of the registry. It sees one block at a time, through Layer, and declares which
// sites it needs. If the model lacks one of them (a gate, say), there are no rows. Package derive computes what needs
// several layers or steps, from stored rows.
package probes

import (
	"maps"
	"slices"
)

// The sites that statistics read by name. The statistics that take tokens may be computed at any other site with a row
// of channels for every token.
const (
	ResidPost = "resid_post"   // the residual stream after a block, [B, T, D]
	Pattern   = "attn.pattern" // attention weights, [B, H, T, Keys]; position j is column Keys-T+j
	Gate      = "attn.gate"    // gate scores, [B*T, n]
	Values    = "v"            // value states, [B, T, KV, E]
	DownIn    = "mlp.down_in"  // the down projection's input, [B, T, hidden]
	MLPOut    = "mlp.out"      // the down projection's output, [B, T, D]
)

// Weight is the prefix of the site of a parameter: "weight.mlp.down" is the parameter mlp.down of a block.
const Weight = "weight."

// Value is one measured number. Layer, Head and Idx are -1 if they do not apply; the statistic declares what Idx
// counts. Value may be NaN.
type Value struct {
	Site, Statistic  string
	Layer, Head, Idx int
	Value            float64
}

// Of says at which sites a statistic is computed.
type Of int

// The choices of sites.
const (
	Fixed    Of = iota // only the first of Needs
	Tokens             // the first of Needs, or the named sites; each has a row of channels for every token
	Matrices           // every weight matrix, including the embedding and the head
	Gains              // the gain of every norm
)

// Statistic reduces one block to rows. The rows are stored under the site passed to Compute. Compute sets only Head,
// Idx and Value, and returns at least one row if the sites that it needs exist.
type Statistic struct {
	// Formula says in one line what is computed. Source is the arXiv id that it is from, or a few words.
	Formula, Source string
	Unit            string
	Index           string // what Value.Idx counts, "" if it is always -1
	Heads           bool   // one row per head, or per key-value head; otherwise Value.Head is -1
	Of              Of
	Needs           []string // the sites that it reads, first the one of its rows; empty for Matrices and Gains
	// Beyond excludes the statistic from the default set.
	Beyond bool
	// Length1 says that the statistic is computed on sequences of one token.
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

// Lookup returns the statistic with that name, and whether it exists.
func Lookup(name string) (Statistic, bool) {
	s, ok := statistics[name]
	return s, ok
}

// layerValue returns a single row for the whole block.
func layerValue(v float64) []Value { return []Value{{Head: -1, Idx: -1, Value: v}} }

// indexed returns n rows; row i has Idx i and the value of(i).
func indexed(n int, of func(i int) float64) []Value {
	rows := make([]Value, n)
	for i := range rows {
		rows[i] = Value{Head: -1, Idx: i, Value: of(i)}
	}
	return rows
}
