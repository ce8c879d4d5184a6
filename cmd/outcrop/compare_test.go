package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Whatever `compare` offers in its message about an unknown metric, it compares: of the default statistics, and of
// others with heads, channels, sequences, positions and probabilities, and of one that a single arm measures.
func TestCompareTakesWhatItOffers(t *testing.T) {
	const gated = "{a: {}, b: {arch: {gate: {name: g1, granularity: elementwise}}}}"
	for name, probe := range map[string]string{
		"default": "heldout: 16",
		"others": "heldout: 16, statistics: [top1, top1_signed, channel_max, channel_outliers, kurtosis_length1," +
			" sink_position, sink_score_max, lost_mass, column_concentration, mixing_score, head_entropy, value_norm_ratio," +
			" gate_mean, gate_sparsity, matrix_entropy, bound_gap, spectral_norm, weight_top, weight_top_row, gain," +
			" super_weight_row, super_weight_value, token_norm]",
	} {
		dir := trained(t, seeded(gated, "2", "heldout: 16", probe))
		_, _, stderr := outcrop(t.Context(), "compare", "tiny", "--metrics", "zzz", "--results", dir)
		list := regexp.MustCompile(`\(([^()]*)\)\s*$`).FindStringSubmatch(stderr)
		if list == nil {
			t.Fatalf("%s: nothing is offered: %s", name, stderr)
		}
		offered := strings.Split(list[1], ", ")
		if len(offered) < 10 || name == "others" && !slices.Contains(offered, "attn.gate/gate_mean") {
			t.Errorf("%s: offered %q", name, offered)
		}
		for _, metric := range offered {
			code, out, stderr := outcrop(t.Context(), "compare", "tiny", "--metrics", metric, "--results", dir)
			if code != exitDone || !strings.Contains(out, "n=2") {
				t.Errorf("%s: %s: exit %d: %s %s", name, metric, code, out, stderr)
			}
		}
		code, out, stderr := outcrop(t.Context(), "compare", "tiny", "--metrics", strings.Join(offered, ","), "--json",
			"--results", dir)
		if code != exitDone {
			t.Errorf("%s: all at once: exit %d: %s %s", name, code, out, stderr)
		}
	}
}
