package probes

import (
	"math"
	"slices"
	"testing"

	"github.com/outcrop-lab/outcrop/rng"
)

// one returns a hand-made block: B=1, T=3, D=4, H=2, no KV bias, one gate per head, an MLP of width 2.
func one() *Layer {
	return &Layer{
		Index: 5, B: 1, T: 3, D: 4, H: 2,
		Sites: []Site{
			{Name: ResidPost, Shape: []int{1, 3, 4}, Data: []float32{
				0, -12, 0, 0,
				3, 0, -4, 0,
				1, 2, -2, 4,
			}},
			{Name: Pattern, Shape: []int{1, 2, 3, 3}, Data: []float32{
				1, 0, 0, .5, .5, 0, .25, .25, .5, // head 0: scores 1.75/3
				1, 0, 0, 0, 1, 0, 0, 0, 1, // head 1: 1/3
			}},
			{Name: Gate, Shape: []int{3, 2}, Data: []float32{.25, .75, .5, .5, 1, 0}},
			{Name: Values, Shape: []int{1, 3, 2, 2}, Data: []float32{0, 1, 6, 8, 3, 4, 0, 5, 0, 3, 3, 4}},
			{Name: DownIn, Shape: []int{1, 3, 2}, Data: []float32{1, -9, 2, 3, 0, 0}},
			{Name: MLPOut, Shape: []int{1, 3, 4}, Data: []float32{0, 0, 7, 0, 1, 1, 1, 1, 0, 0, 0, -2}},
			{Name: Weight + "mlp.down", Shape: []int{4, 2}, Data: []float32{1, 2, 3, 4, 5, -6, 7, 6}},
			{Name: Weight + "attn.norm.gain", Shape: []int{4}, Data: []float32{1, 1, 8, -1}},
		},
		Tokens:   []int32{7, 5, 3},
		Ordinary: []bool{false, false, true},
	}
}

func allOf() Plan { return NewPlan(nil, Names()) }

func get(t *testing.T, rows []Value, name string, head, idx int) float64 {
	t.Helper()
	i := slices.IndexFunc(rows, func(v Value) bool { return v.Statistic == name && v.Head == head && v.Idx == idx })
	if i < 0 {
		t.Fatalf("no row %s head %d idx %d", name, head, idx)
	}
	if rows[i].Layer != 5 {
		t.Errorf("%s: layer %d, want 5", name, rows[i].Layer)
	}
	return rows[i].Value
}

// lone returns two tokens, each alone in its sequence: the first two of one().
func lone() *Layer {
	return &Layer{Index: 5, B: 2, T: 1, D: 4, H: 2,
		Sites: []Site{{Name: ResidPost, Shape: []int{2, 1, 4}, Data: []float32{0, -12, 0, 0, 3, 0, -4, 0}}}}
}

// The excess kurtoses of the tokens of one(): C-5+1/(C-1) for the one-hot token, and n sum d^4/(sum d^2)^2 - 3 for the
// others, with d = 3.25, .25, -3.75, .25 and -.25, .75, -3.25, 2.75.
const (
	kurtosis1 = -2. / 3
	kurtosis2 = 4*309.328125/(24.75*24.75) - 3
	kurtosis3 = 4*169.078125/(18.75*18.75) - 3
)

// elsewhere names the statistics whose known values are in other tests.
var elsewhere = []string{
	// TestRepresentationExtremes, TestSpectrumOfOrthogonalRows
	"matrix_entropy", "matrix_entropy_normalised", "effective_rank", "anisotropy",
	"bound_sigma1", "bound_gap", "bound_anisotropy", "bound_entropy", // and TestTheoremBounds
	"spectral_norm", "stable_rank", // TestSpectralNorm
}

// The expected numbers are computed by hand from one().
func TestKnownValues(t *testing.T) {
	rows := allOf().Measure(nil, one(), lone())
	known := map[string]bool{}
	for _, c := range []struct {
		name      string
		head, idx int
		want      float64
	}{
		{"top1", -1, 0, 12}, {"top2", -1, 0, 4}, {"top3", -1, 0, 4},
		{"median", -1, 0, 1.5}, // 0 0 0 0 0 1 | 2 2 3 4 4 12
		{"ratio_mean", -1, -1, 8}, {"ratio_of_means", -1, -1, 8},
		{"top1_channel", -1, 0, 1}, {"top1_position", -1, 0, 0}, {"top1_signed", -1, 0, -12},
		{"top1_token", -1, 0, 7}, {"top1_at_first", -1, -1, 1},
		{"channel_max", -1, 0, 3}, {"channel_max", -1, 1, 12}, {"channel_max", -1, 2, 4}, {"channel_max", -1, 3, 4},
		{"massive", -1, -1, 0},
		// C-3 is 1
		{"kurtosis", -1, -1, (kurtosis1 + kurtosis2 + kurtosis3) / 3},
		{"kurtosis_normalised", -1, -1, (kurtosis1 + kurtosis2 + kurtosis3) / 3},
		{"kurtosis_length1", -1, -1, (kurtosis1 + kurtosis2) / 2},
		{"kurtosis_normalised_length1", -1, -1, (kurtosis1 + kurtosis2) / 2},
		// one-hot C-3; the others have fourth moments of 84.25 and 72.25 below three times 8.25^2 and 6.25^2
		{"kurtosis_uncentred", -1, -1, 1. / 3}, {"kurtosis_uncentred_length1", -1, -1, 1. / 2},
		{"channel_outliers", -1, 5, 0}, {"channel_outliers", -1, 20, 0}, // means 4/3, 14/3, 2, 4/3 about a median of 5/3
		{"top1_over_rms", -1, -1, 2}, // one-hot: sqrt(4)
		{"token_norm", -1, 0, 12}, {"token_norm", -1, 1, 5}, {"token_norm", -1, 2, 5},
		{"bos_norm_ratio", -1, -1, 2.4},                                            // 12 / mean(5, 5)
		{"first_token_attention", 0, -1, .25}, {"first_token_attention", 1, -1, 0}, // only t=2 is ordinary
		{"sink_rate", 0, -1, 1}, {"sink_rate", 1, -1, 1}, {"sink_rate_gu", 1, -1, 1},
		{"sink_score", 0, -1, 1.75 / 3}, {"sink_score", 1, -1, 1. / 3},
		{"sink_position", 0, -1, 0}, {"sink_score_max", 0, -1, 1.75 / 3},
		{"lost_mass", 0, -1, 0}, {"lost_mass", 1, -1, 0},
		{"column_concentration", 1, -1, 0}, {"column_concentration_renorm", 1, -1, 0}, // all columns hold 1/3
		{"head_entropy", 0, -1, (math.Ln2 + 1.5*math.Ln2) / 3}, {"head_entropy", 1, -1, 0},
		{"head_entropy_normalised", 0, -1, (1 + 1.5*math.Ln2/math.Log(3)) / 2}, {"head_entropy_normalised", 1, -1, 0},
		{"mixing_score", -1, -1, 2.5 * math.Ln2 / 6}, {"mixing_score_normalised", -1, -1, (1 + 1.5*math.Ln2/math.Log(3)) / 4},
		{"value_norm_ratio", 0, -1, 1. / 4}, {"value_norm_ratio", 1, -1, 2}, // 1 / mean(5, 3), 10 / mean(5, 5)
		{"value_norm_ratio_sink", 0, -1, 1. / 4}, {"value_norm_ratio_sink", 1, -1, 2},
		{"value_norm_first", 0, -1, 1}, {"value_norm_first", 1, -1, 10},
		{"gate_mean", -1, -1, .5}, {"gate_sparsity", -1, -1, 1. / 6},
		{"weight_top", -1, 0, 7}, {"weight_top", -1, 1, -6}, {"weight_top", -1, 2, 6}, // of equal sizes the first
		{"weight_top_row", -1, 0, 3}, {"weight_top_column", -1, 0, 0}, {"weight_top_row", -1, 1, 2},
		{"weight_top_column", -1, 1, 1},
		{"weight_std", -1, -1, math.Sqrt(22 - 2.75*2.75)},           // sum 22, squares 176, of 8
		{"weight_kurtosis", -1, -1, 8*6337.40625/(115.5*115.5) - 3}, // about the mean 2.75
		{"gain", -1, 2, 8}, {"gain", -1, 3, -1},
		{"super_weight_row", -1, 0, 2}, {"super_weight_column", -1, 0, 1},
		{"super_weight_output", -1, 0, 7}, {"super_weight_input", -1, 0, -9}, {"super_weight_value", -1, 0, -6},
	} {
		known[c.name] = true
		if got := get(t, rows, c.name, c.head, c.idx); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s head %d idx %d: %v, want %v", c.name, c.head, c.idx, got, c.want)
		}
	}
	for _, name := range Names() {
		if known[name] == slices.Contains(elsewhere, name) {
			t.Errorf("%s has no known value, or is also named in elsewhere: give it a value here, or name it there", name)
		}
	}
}

// Two sequences of tops 8 and 3, medians 2 and 1: the mean of the ratios is (4 + 3)/2, the ratio of the means 11/3.
func TestTwoMeansOfRatios(t *testing.T) {
	l := &Layer{B: 2, T: 1, D: 3, H: 1,
		Sites: []Site{{Name: ResidPost, Shape: []int{2, 1, 3}, Data: []float32{-8, 2, 1, 0, 1, -3}}}}
	if got := ratioMean.Compute(l, &l.Sites[0])[0].Value; got != 3.5 {
		t.Errorf("ratio_mean %v, want 3.5", got)
	}
	if got := ratioOfMeans.Compute(l, &l.Sites[0])[0].Value; got != 11./3 {
		t.Errorf("ratio_of_means %v, want 11/3", got)
	}
}

// Three of ten queries attend only to position 0, the others only to themselves: the score is .3, which is a sink by >=
// but not by >.
func TestSinkThresholds(t *testing.T) {
	pattern := make([]float32, 100)
	for i := range 10 {
		at := i
		if i < 3 {
			at = 0
		}
		pattern[10*i+at] = 1
	}
	l := &Layer{B: 1, T: 10, D: 1, H: 1, Sites: []Site{{Name: Pattern, Shape: []int{1, 1, 10, 10}, Data: pattern}}}
	if got := sinkRate.Compute(l, &l.Sites[0])[0].Value; got != 1 {
		t.Errorf("sink_rate %v, want 1", got)
	}
	if got := sinkRateGu.Compute(l, &l.Sites[0])[0].Value; got != 0 {
		t.Errorf("sink_rate_gu %v, want 0", got)
	}
}

// The strict definition requires both: above 100, and at least 1000 medians.
func TestMassiveIsStrict(t *testing.T) {
	for _, c := range []struct {
		top, median float32
		want        float64
	}{{101, .1, 1}, {100, .01, 0}, {1000, 1, 1}, {999, 1, 0}} {
		l := &Layer{B: 1, T: 1, D: 4, H: 1,
			Sites: []Site{{Name: ResidPost, Shape: []int{1, 1, 4}, Data: []float32{c.median, -c.median, c.median, -c.top}}}}
		if got := massive.Compute(l, &l.Sites[0])[0].Value; got != c.want {
			t.Errorf("top %v, median %v: %v, want %v", c.top, c.median, got, c.want)
		}
	}
}

// One-hot tokens have D-5+1/(D-1), the largest possible excess kurtosis, and D-3 by the released script (arXiv
// 2506.19697). A channel pattern of +-1 has -2, and 0 by the script, which clips negative values.
func TestKurtosis(t *testing.T) {
	x := make([]float32, 64)
	x[7] = -3
	if got, want := excessKurtosis(x), 64-5+1.0/63; math.Abs(got-want) > 1e-9 {
		t.Errorf("%v, want %v", got, want)
	}
	if got := uncentredKurtosis(x); math.Abs(got-61) > 1e-9 {
		t.Errorf("uncentred %v, want 61", got)
	}
	for i := range x {
		x[i] = float32(1 - 2*(i%2))
	}
	if got := excessKurtosis(x); math.Abs(got+2) > 1e-12 {
		t.Errorf("%v, want -2", got)
	}
	if got := uncentredKurtosis(x); got != 0 {
		t.Errorf("uncentred %v, want 0", got)
	}
	if got := kurtosisNormalised.Compute(&Layer{B: 1, T: 1}, &Site{Data: x})[0].Value; math.Abs(got+2./61) > 1e-12 {
		t.Errorf("normalised %v, want -2/61", got)
	}
}

// Channel 0 holds 12 and most others hold 1: it is an outlier at 5 and 10, but not at 20. Channel 1 holds 1000 in one
// token of four: its mean stands out, but the channel does not in half of the tokens. Channel 2 holds 6 in half of
// them: its mean of 3.5 does not stand out.
func TestChannelOutliers(t *testing.T) {
	l := &Layer{B: 2, T: 2, D: 8, H: 1}
	data := make([]float32, 32)
	for i := range data {
		data[i] = float32(1 - 2*(i%2))
	}
	for row := range 4 {
		data[row*8] = -12
		if row < 2 {
			data[row*8+2] = 6
		}
	}
	data[1] = 1000
	l.Sites = []Site{{Name: ResidPost, Shape: []int{2, 2, 8}, Data: data}}
	want := []Value{{Head: -1, Idx: 5, Value: 1}, {Head: -1, Idx: 10, Value: 1}, {Head: -1, Idx: 20, Value: 0}}
	if got := channelOutliers.Compute(l, &l.Sites[0]); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// gaussianRatio returns the expected maximum of n values |N(0,1)| over their median .67449, by integrating one minus
// the maximum's distribution function: 5.64 for 4,096.
func gaussianRatio(n float64) float64 {
	const dx = 1e-4
	sum := 0.0
	for x := dx / 2; x < 12; x += dx {
		sum += (1 - math.Pow(math.Erf(x/math.Sqrt2), n)) * dx
	}
	return sum / .6744897501960817
}

// For a Gaussian the ratio is gaussianRatio's, up to the spread of the sample median, and the kurtosis of D channels
// has mean -6/(D+1), here -.0923. The BOS is like any other token. The default statistics give no rows for missing
// sites.
func TestGaussian(t *testing.T) {
	l := &Layer{B: 400, T: 64, D: 64, H: 1, Tokens: make([]int32, 400*64)}
	r := rng.New(1, "test").Rand()
	data := make([]float32, l.B*l.T*l.D)
	for i := range data {
		data[i] = float32(r.NormFloat64())
	}
	l.Sites = []Site{{Name: ResidPost, Shape: []int{l.B, l.T, l.D}, Data: data}}
	rows := NewPlan(nil, Default(64)).Measure(nil, l, nil)
	at := func(name string) float64 {
		i := slices.IndexFunc(rows, func(v Value) bool { return v.Statistic == name && v.Idx == -1 })
		return rows[i].Value
	}
	for _, c := range []struct {
		name            string
		want, tolerance float64 // five standard errors of 400 sequences
	}{{"ratio_mean", gaussianRatio(4096), .13}, {"ratio_of_means", gaussianRatio(4096), .13}, {"kurtosis", -6.0 / 65, .02},
		{"bos_norm_ratio", 1, .025}} {
		if got := at(c.name); math.Abs(got-c.want) > c.tolerance {
			t.Errorf("%s: %v, want %v +- %v", c.name, got, c.want, c.tolerance)
		}
	}
	if slices.ContainsFunc(rows, func(v Value) bool { return v.Site != ResidPost }) {
		t.Error("rows of sites that the layer lacks")
	}
}

// The two passes give the same result as sorting, including with ties, signs and values far apart.
func TestMagnitudesAgainstSorting(t *testing.T) {
	r := rng.New(2, "test").Rand()
	var s scratch
	for n := 1; n < 400; n++ {
		x := make([]float32, n)
		for i := range x {
			switch n % 3 {
			case 0:
				x[i] = float32(r.IntN(20) - 10) // many ties
			case 1:
				x[i] = float32(r.NormFloat64() * math.Exp(20*r.NormFloat64()))
			default:
				x[i] = float32(1 + 1e-3*r.NormFloat64()) // nearly one bucket
			}
		}
		sorted := make([]float32, n)
		for i, v := range x {
			sorted[i] = float32(math.Abs(float64(v)))
		}
		slices.Sort(sorted)
		m := s.measure(x)
		want := (float64(sorted[(n-1)/2]) + float64(sorted[n/2])) / 2
		if m.median != want || m.top[0] != float64(sorted[n-1]) || math.Abs(float64(x[m.at])) != m.top[0] ||
			m.signed != float64(x[m.at]) {
			t.Fatalf("n=%d: %+v, want median %v, top %v", n, m, want, sorted[n-1])
		}
		if n > 2 && (m.top[1] != float64(sorted[n-2]) || m.top[2] != float64(sorted[n-3])) {
			t.Fatalf("n=%d: %v, want %v", n, m.top, sorted[n-3:])
		}
		if got := exactMedian(sorted); got != want {
			t.Fatalf("n=%d: exact median %v, want %v", n, got, want)
		}
	}
}

// A column before the sequence is not the first token, and its mass counts as lost: .9 and .7 of two queries.
func TestKVBiasColumnIsNotTheFirstToken(t *testing.T) {
	l := &Layer{B: 1, T: 2, D: 1, H: 1, Ordinary: []bool{false, true},
		Sites: []Site{{Name: Pattern, Shape: []int{1, 1, 2, 3}, Data: []float32{.9, .1, 0, .7, .2, .1}}}}
	for _, c := range []struct {
		name string
		want float64
	}{
		{"first_token_attention", .2}, {"sink_score", .15}, {"lost_mass", .8},
		{"column_concentration", math.NaN()},
		{"column_concentration_renorm", 1 - entropy([]float64{5. / 6, 1. / 6})/math.Ln2}, // rows (1, 0) and (2/3, 1/3)
		{"head_entropy_normalised", (entropy([]float64{.9, .1})/math.Ln2 + entropy([]float64{.7, .2, .1})/math.Log(3)) / 2},
	} {
		got := statistics[c.name].Compute(l, &l.Sites[0])[0].Value
		// 1e-6, because the pattern is float32
		if !(math.Abs(got-c.want) < 1e-6 || math.IsNaN(got) && math.IsNaN(c.want)) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// Two heads share one value head with norms 3, 1, 5. The first attends most to position 1, 1/mean(3, 5), the second to
// position 0.
func TestValueNormOfAMovedSink(t *testing.T) {
	l := &Layer{B: 1, T: 3, D: 2, H: 2, Sites: []Site{
		{Name: Values, Shape: []int{1, 3, 1, 1}, Data: []float32{3, -1, 5}},
		{Name: Pattern, Shape: []int{1, 2, 3, 3}, Data: []float32{1, 0, 0, .1, .9, 0, .1, .9, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0}},
	}}
	rows := valueNormRatioSink.Compute(l, &l.Sites[0])
	if len(rows) != 2 || rows[0].Value != .25 || rows[1].Value != 1 {
		t.Errorf("%v, want 1/4 and 3/3", rows)
	}
	if got := sinkPosition.Compute(l, &l.Sites[1]); got[0].Value != 1 || got[1].Value != 0 {
		t.Errorf("sink positions %v, want 1 and 0", got)
	}
}

func TestNaNIsKept(t *testing.T) {
	l := one()
	l.Sites[0].Data[6] = float32(math.NaN())
	rows := allOf().Measure(nil, l, nil)
	for _, name := range []string{"ratio_mean", "kurtosis", "matrix_entropy", "bound_gap", "kurtosis_uncentred"} {
		if got := get(t, rows, name, -1, -1); !math.IsNaN(got) {
			t.Errorf("%s: %v, want NaN", name, got)
		}
	}
}

// Changed data are measured anew after Renew, and the pass without data lists the same pairs.
func TestRenewAndPairs(t *testing.T) {
	l, plan := one(), allOf()
	rows := plan.Measure(nil, l, l)
	l.Sites[0].Data[1] = 24
	l.Renew()
	if got := get(t, plan.Measure(nil, l, l), "top1", -1, 0); got != 24 {
		t.Errorf("top1 %v, want 24", got)
	}
	var pairs []Pair
	for _, v := range rows {
		if p := (Pair{v.Site, v.Statistic}); !slices.Contains(pairs, p) {
			pairs = append(pairs, p)
		}
	}
	for i := range l.Sites {
		l.Sites[i].Data = nil
	}
	if got := plan.Pairs(l); !slices.Equal(got, pairs) {
		t.Errorf("%v, want %v", got, pairs)
	}
}

// Statistics that take tokens are computed at the requested sites; the others stay at their own.
func TestPlanSites(t *testing.T) {
	p := NewPlan([]string{"mlp.act", ResidPost}, []string{"top1", "sink_rate", "super_weight_value", "gain"})
	if got, want := p.Sites(), []string{Pattern, "mlp.act", DownIn, MLPOut, ResidPost}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if !p.Weights() || p.Length1() || !NewPlan(nil, []string{"kurtosis_length1"}).Length1() ||
		NewPlan(nil, Default(64)).Weights() {
		t.Error("the plan does not distinguish weights or sequences of one token")
	}
}

// Every statistic in the registry declares what a reader needs, and gives rows on a full layer.
func TestRegistry(t *testing.T) {
	for _, name := range Names() {
		s, _ := Lookup(name)
		if s.Unit == "" || s.Formula == "" || s.Source == "" || s.Compute == nil ||
			(len(s.Needs) == 0) != (s.Of == Matrices || s.Of == Gains) {
			t.Errorf("%s: %+v", name, s)
		}
		rows := NewPlan(nil, []string{name}).Measure(nil, one(), one())
		if len(rows) == 0 {
			t.Errorf("%s: no rows on a full layer", name)
		}
		for _, v := range rows {
			if (v.Idx >= 0) != (s.Index != "") {
				t.Errorf("%s: idx %d but index is %q", name, v.Idx, s.Index)
			}
			if (v.Head >= 0) != s.Heads {
				t.Errorf("%s: head %d, but Heads is %v", name, v.Head, s.Heads)
			}
			if len(s.Needs) > 0 && v.Site != s.Needs[0] {
				t.Errorf("%s: site %s, want %s", name, v.Site, s.Needs[0])
			}
			if math.IsNaN(v.Value) {
				t.Errorf("%s: NaN on sound input", name)
			}
		}
	}
}
