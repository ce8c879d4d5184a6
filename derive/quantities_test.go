package derive

import (
	"math"
	"slices"
	"testing"
)

func row(step int, site, statistic string, layer, head, idx int, value float64) Row {
	return Row{step, site, statistic, layer, head, idx, value}
}

func TestMeansOverLayers(t *testing.T) {
	rows := []Row{
		row(0, residPost, "top1", 0, -1, 0, 1), row(0, residPost, "top1", 0, -1, 1, 3),
		row(0, residPost, "top1", 1, -1, 0, 9),
		row(8, residPost, "top1", 0, -1, 0, 5), row(0, "mlp.act", "top1", 0, -1, 0, 100),
		row(0, pattern, "sink_score", 0, 0, -1, .2), row(0, pattern, "sink_score", 0, 1, -1, .4),
		row(0, pattern, "sink_score", 1, 0, -1, .9),
	}
	if got, want := MAct(rows), []StepValue{{0, 6}, {8, 5}}; !slices.Equal(got, want) { // (3 + 9)/2, 5
		t.Errorf("M-Act %v, want %v", got, want)
	}
	if got := FAttn(rows); len(got) != 1 || math.Abs(got[0].Value-.6) > 1e-12 { // (.3 + .9)/2
		t.Errorf("F-Attn %v, want .6", got)
	}
}

// At step 4 both mlp.act and resid_post of layer 1 cross: the earlier operator counts. At step 8 an earlier layer
// crosses.
func TestFirstCrossings(t *testing.T) {
	rows := []Row{
		row(2, "mlp.act", "ratio_mean", 0, -1, -1, 9), row(4, residPost, "ratio_mean", 1, -1, -1, 40),
		row(4, "mlp.act", "ratio_mean", 1, -1, -1, 30),
		row(4, "logits", "ratio_mean", -1, -1, -1, 99), row(8, residPost, "ratio_mean", 0, -1, -1, 21),
		row(8, "q", "ratio_mean", 1, -1, -1, 99),
	}
	want := []Crossing{{4, 1, "mlp.act", 30}, {8, 0, residPost, 21}}
	if got := FirstCrossings(rows, "ratio_mean", 20); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// Entropy falls by as much as the BOS norm rises: r = -1 for levels and changes. The sink rate is the mean of two heads
// and rises with the norm except for its last change.
func TestDepthCorrelation(t *testing.T) {
	var rows []Row
	for layer, norm := range []float64{1, 2, 5, 4} {
		rows = append(rows, row(7, residPost, "bos_norm_ratio", layer, -1, -1, norm),
			row(7, residPost, "matrix_entropy", layer, -1, -1, 9-norm),
			row(7, pattern, "sink_rate", layer, 0, -1, 0),
			row(7, pattern, "sink_rate", layer, 1, -1, []float64{.2, .4, .6, .8}[layer]))
	}
	got := BOSAgainstEntropy(rows)
	if len(got) != 1 || got[0].Step != 7 || got[0].Layers != 4 || math.Abs(got[0].Levels+1) > 1e-12 ||
		math.Abs(got[0].Changes+1) > 1e-12 {
		t.Errorf("%+v, want -1 and -1", got)
	}
	// Levels: x = 1 2 5 4 about 3, y = .1 .2 .3 .4 about .25: sxy .6, sxx 10, syy .05. Changes of y are all equal: no r.
	if got := BOSAgainstSinks(rows); math.Abs(got[0].Levels-.6/math.Sqrt(.5)) > 1e-12 || !math.IsNaN(got[0].Changes) &&
		math.Abs(got[0].Changes) > 1 {
		t.Errorf("%+v, want %v", got, .6/math.Sqrt(.5))
	}
	two := []LayerValue{{1, 0, 5}, {1, 1, 7}, {1, 2, 8}}
	if got := Correlate(two[:2], two); !math.IsNaN(got[0].Levels) || got[0].Layers != 2 {
		t.Errorf("%+v, want no r of two layers", got)
	}
	if got := Correlate(two, two); math.Abs(got[0].Levels-1) > 1e-12 || !math.IsNaN(got[0].Changes) {
		t.Errorf("%+v, want 1, and no r of two changes", got)
	}
}

func TestPhases(t *testing.T) {
	phases := func(entropies ...float64) (out []Phase) {
		var rows []Row
		for layer, h := range entropies {
			rows = append(rows, row(1, residPost, "matrix_entropy", layer, -1, -1, h))
		}
		for _, p := range Phases(rows) {
			out = append(out, p.Phase)
		}
		return out
	}
	for _, c := range []struct{ got, want []Phase }{
		{phases(4, 3.5, 1, 2.9, .5, 3, 4), []Phase{Mix, Mix, Compress, Compress, Compress, Refine, Refine}}, // with a bump
		{phases(4, 3.9, 3.5), []Phase{Mix, Mix, Mix}},                                                       // no valley
		{phases(1, 4), []Phase{Compress, Refine}},
		{phases(4, 1), []Phase{Mix, Compress}},
		{phases(4, math.NaN(), 1), []Phase{Mix, Compress}},
	} {
		if !slices.Equal(c.got, c.want) {
			t.Errorf("%v, want %v", c.got, c.want)
		}
	}
}

// One of two sequences keeps its channel, then both do. The first step has no previous one.
func TestStability(t *testing.T) {
	var rows []Row
	for i, channels := range [][2]float64{{3, 9}, {3, 4}, {3, 4}} {
		for sequence, c := range channels {
			rows = append(rows, row(10*i, residPost, "top1_channel", 2, -1, sequence, c))
		}
	}
	want := []LayerValue{{10, 2, .5}, {20, 2, 1}}
	if got := Stability(rows, residPost, "top1_channel"); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// Two of three sequences have 7 at steps 1 and 2, and all have 4 at step 3. Of two equally common places the smaller
// counts.
func TestPlaces(t *testing.T) {
	var rows []Row
	for step, places := range map[int][3]float64{1: {7, 7, 2}, 2: {7, 4, 7}, 3: {4, 4, 4}} {
		for sequence, place := range places {
			rows = append(rows, row(step, residPost, "top1_position", 0, -1, sequence, place))
		}
	}
	rows = append(rows, row(3, residPost, "top1_position", 1, -1, 0, 9), row(3, residPost, "top1_position", 1, -1, 1, 8))
	want := []LayerPlace{{1, 0, 7, 2. / 3, 1}, {2, 0, 7, 2. / 3, 1}, {3, 0, 4, 1, 3}, {3, 1, 8, .5, 3}}
	if got := Places(rows, residPost, "top1_position"); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// Three layers peak at 2, 2 and 40 at the input, and at 1, 1 and 50 at the output: the last one spikes by 20 and 50.
// Two of its three sequences agree on column 7 at steps 5 and 6; at step 7 all have column 6.
func TestSuperWeights(t *testing.T) {
	var rows []Row
	for step := 5; step <= 7; step++ {
		for layer, peak := range [][2]float64{{2, 1}, {-2, -1}, {-40, 50}} {
			for sequence := range 3 {
				column := 7.
				if sequence == 2 || step == 7 {
					column = 6
				}
				rows = append(rows, row(step, downIn, "super_weight_input", layer, -1, sequence, peak[0]),
					row(step, mlpOut, "super_weight_output", layer, -1, sequence, peak[1]),
					row(step, mlpOut, "super_weight_row", layer, -1, sequence, 3),
					row(step, downIn, "super_weight_column", layer, -1, sequence, column),
					row(step, "weight.mlp.down", "super_weight_value", layer, -1, sequence, column/10))
			}
		}
	}
	got := SuperWeights(rows)
	if len(got) != 9 {
		t.Fatalf("%d candidates, want one a layer and step", len(got))
	}
	for i, want := range map[int]Candidate{
		2: {Step: 5, Layer: 2, Row: 3, Column: 7, Input: 20, Output: 50, Agreeing: 2. / 3, Weight: .7, Since: 5},
		5: {Step: 6, Layer: 2, Row: 3, Column: 7, Input: 20, Output: 50, Agreeing: 2. / 3, Weight: .7, Since: 5},
		8: {Step: 7, Layer: 2, Row: 3, Column: 6, Input: 20, Output: 50, Agreeing: 1, Weight: .6, Since: 7},
	} {
		if got[i] != want {
			t.Errorf("%+v, want %+v", got[i], want)
		}
	}
	if c := got[2]; !c.Spikes(19) || c.Spikes(20) || got[0].Spikes(1) {
		t.Errorf("%+v spikes by 20, the first layer not at all", c)
	}
}

// Four sequences lack a column or a row: the other two decide, and both agree. Where no sequence has both, there is no
// candidate. The weight is that of any sequence which has it.
func TestSuperWeightsOfPartialSequences(t *testing.T) {
	var rows []Row
	for layer := range 2 {
		for sequence := range 6 {
			rows = append(rows, row(1, downIn, "super_weight_input", layer, -1, sequence, 2),
				row(1, mlpOut, "super_weight_output", layer, -1, sequence, 2))
			if sequence != 4 {
				rows = append(rows, row(1, mlpOut, "super_weight_row", layer, -1, sequence, 3))
			}
			if layer == 0 && sequence >= 4 || sequence == 5 {
				rows = append(rows, row(1, downIn, "super_weight_column", layer, -1, sequence, math.NaN()))
			} else if layer == 0 && sequence < 2 || sequence == 4 {
				rows = append(rows, row(1, downIn, "super_weight_column", layer, -1, sequence, 7))
			}
		}
		rows = append(rows, row(1, "weight.mlp.down", "super_weight_value", layer, -1, 0, .25),
			row(1, "weight.mlp.down", "super_weight_value", layer, -1, 1, math.NaN()))
	}
	want := []Candidate{{Step: 1, Layer: 0, Row: 3, Column: 7, Input: 1, Output: 1, Agreeing: 1, Weight: .25, Since: 1}}
	if got := SuperWeights(rows); !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// 6 over its own 4 is a growth by half. Operators that start at 0 or have no start are left out, and so is the crossing
// of an infinite ratio.
func TestGrowth(t *testing.T) {
	rows := []Row{
		row(0, "mlp.act", "ratio_mean", 0, -1, -1, 4), row(3, "mlp.act", "ratio_mean", 0, -1, -1, 6),
		row(3, residPost, "ratio_mean", 0, -1, -1, 9),
		row(0, "q", "ratio_mean", 0, -1, -1, 0), row(3, "q", "ratio_mean", 0, -1, -1, 1),
		row(3, "v", "ratio_mean", 0, -1, -1, math.Inf(1)),
	}
	if got, want := Growth(rows, "ratio_mean"), []Row{row(0, "mlp.act", "ratio_mean", 0, -1, -1, 1),
		row(3, "mlp.act", "ratio_mean", 0, -1, -1, 1.5)}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got, want := FirstCrossings(rows, "ratio_mean", 8), []Crossing{{3, 0, residPost, 9}}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := OperatorsOf(rows, "ratio_mean"); got != 4 {
		t.Errorf("%d operators, want 4", got)
	}
}
