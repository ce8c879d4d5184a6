// Package probes computes statistics from the parameters, and from the sites of a forward pass on a fixed probe batch.
//
// Each statistic has a line in the registry. It sees one block at a time, as a Layer, and declares which sites it
// needs. If the model lacks one of these sites (that of a gate, say), the statistic returns no rows. Numbers that need
// several layers or steps are computed from stored rows, by package derive.
package probes

import (
	"maps"
	"slices"
)

// The sites that statistics read by name. Statistics whose Of is Tokens may also be computed at any other site that has
// a row of channels for every token.
const (
	ResidPost = "resid_post"   // the residual stream after a block, [B, T, D]
	Pattern   = "attn.pattern" // attention weights, [B, H, T, Keys]; position j is column Keys-T+j
	Gate      = "attn.gate"    // gate scores, [B*T, n]
	Values    = "v"            // value states, [B, T, KV, E]
	DownIn    = "mlp.down_in"  // the down projection's input, [B, T, hidden]
	MLPOut    = "mlp.out"      // the down projection's output, [B, T, D]
)

// Weight is the prefix of a site that holds a parameter: in a block's layer, the site "weight.mlp.down" holds the
// block's parameter mlp.down.
const Weight = "weight."

// Value is one measured number. Layer, Head or Idx is -1 if it does not apply. The statistic declares what Idx counts.
// The field Value may be NaN.
type Value struct {
	Site, Statistic  string
	Layer, Head, Idx int
	Value            float64
}

// Of says at which sites a statistic is computed.
type Of int

// The possible values of Of.
const (
	Fixed    Of = iota // only the first of Needs
	Tokens             // the sites that the plan names, or else the first of Needs; each has a row of channels per token
	Matrices           // every weight matrix, including the embedding and the head
	Gains              // the gain of every norm
)

// Statistic reduces one block to rows. The rows are stored under the site that is passed to Compute. Compute sets only
// Head, Idx and Value of each row, and returns at least one row if the sites that the statistic needs exist.
type Statistic struct {
	// Formula says in one line what is computed. Source is the arXiv id of the paper that defines the statistic, or
	// names another source in a few words.
	Formula, Source string
	Unit            string
	Index           string // what Value.Idx counts; "" if Idx is always -1
	Heads           bool   // whether there is one row per head or key-value head; if not, Value.Head is -1
	Of              Of
	Needs           []string // the sites that Compute reads, beginning with that of the rows; empty for Matrices and Gains
	// Beyond excludes the statistic from the default set. A statistic with UpTo is excluded from it only if both the
	// context and the width of the model are larger than UpTo.
	Beyond bool
	UpTo   int
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
	"top1_token":                  top1Token,
	"top1_at_first":               top1AtFirst,
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

var names = slices.Sorted(maps.Keys(statistics))

// Names lists the names of all statistics, sorted.
func Names() []string { return slices.Clone(names) }

// Lookup returns the statistic with the given name, and whether it exists.
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
