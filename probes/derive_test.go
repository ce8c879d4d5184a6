package probes

import (
	"math"
	"reflect"
	"slices"
	"testing"

	"github.com/outcrop-lab/outcrop/rng"
)

func gaussian(n int) []float32 {
	r := rng.New(3, "test").Rand()
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

func row(step int, site, statistic string, layer, head, idx int, value float64) Row {
	return Row{step, Value{site, statistic, layer, head, idx, value}}
}

func TestMeansOverLayers(t *testing.T) {
	rows := []Row{
		row(0, ResidPost, "top1", 0, -1, 0, 1), row(0, ResidPost, "top1", 0, -1, 1, 3), row(0, ResidPost, "top1", 1, -1, 0, 9),
		row(8, ResidPost, "top1", 0, -1, 0, 5), row(0, "mlp.act", "top1", 0, -1, 0, 100),
		row(0, Pattern, "sink_score", 0, 0, -1, .2), row(0, Pattern, "sink_score", 0, 1, -1, .4), row(0, Pattern, "sink_score", 1, 0, -1, .9),
	}
	if got, want := MAct(rows), []StepValue{{0, 6}, {8, 5}}; !slices.Equal(got, want) { // (3 + 9)/2, 5
		t.Errorf("M-Act %v, want %v", got, want)
	}
	if got := FAttn(rows); len(got) != 1 || math.Abs(got[0].Value-.6) > 1e-12 { // (.3 + .9)/2
		t.Errorf("F-Attn %v, want .6", got)
	}
}

// At step 4 mlp.act of layer 1 and resid_post of layer 1 cross: the operator is the earlier. At step 8 an earlier layer does.
func TestFirstCrossings(t *testing.T) {
	rows := []Row{
		row(2, "mlp.act", "ratio_mean", 0, -1, -1, 9), row(4, ResidPost, "ratio_mean", 1, -1, -1, 40), row(4, "mlp.act", "ratio_mean", 1, -1, -1, 30),
		row(4, "logits", "ratio_mean", -1, -1, -1, 99), row(8, ResidPost, "ratio_mean", 0, -1, -1, 21), row(8, "q", "ratio_mean", 1, -1, -1, 99),
	}
	want := []Crossing{{4, 1, "mlp.act", 30}, {8, 0, ResidPost, 21}}
	if got := FirstCrossings(rows, "ratio_mean", 20); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// Entropy falls where the BOS norm rises, by the same amount: r = -1 both ways. The sink rate is the mean of two heads; it
// rises with the norm but for its last change.
func TestDepthCorrelation(t *testing.T) {
	var rows []Row
	for layer, norm := range []float64{1, 2, 5, 4} {
		rows = append(rows, row(7, ResidPost, "bos_norm_ratio", layer, -1, -1, norm), row(7, ResidPost, "matrix_entropy", layer, -1, -1, 9-norm),
			row(7, Pattern, "sink_rate", layer, 0, -1, 0), row(7, Pattern, "sink_rate", layer, 1, -1, []float64{.2, .4, .6, .8}[layer]))
	}
	got := BOSAgainstEntropy(rows)
	if len(got) != 1 || got[0].Step != 7 || got[0].Layers != 4 || math.Abs(got[0].Levels+1) > 1e-12 || math.Abs(got[0].Changes+1) > 1e-12 {
		t.Errorf("%+v, want -1 and -1", got)
	}
	// Levels: x = 1 2 5 4 about 3, y = .1 .2 .3 .4 about .25: sxy .6, sxx 10, syy .05. Changes of y are all equal: no r.
	if got := BOSAgainstSinks(rows); math.Abs(got[0].Levels-.6/math.Sqrt(.5)) > 1e-12 || !math.IsNaN(got[0].Changes) && math.Abs(got[0].Changes) > 1 {
		t.Errorf("%+v, want %v", got, .6/math.Sqrt(.5))
	}
	if got := Correlate([]LayerValue{{1, 0, 5}}, []LayerValue{{1, 0, 5}}); !math.IsNaN(got[0].Levels) || !math.IsNaN(got[0].Changes) {
		t.Errorf("%+v, want NaN of one layer", got)
	}
}

func TestPhases(t *testing.T) {
	phases := func(entropies ...float64) (out []Phase) {
		var rows []Row
		for layer, h := range entropies {
			rows = append(rows, row(1, ResidPost, "matrix_entropy", layer, -1, -1, h))
		}
		for _, p := range Phases(rows) {
			out = append(out, p.Phase)
		}
		return out
	}
	for _, c := range []struct{ got, want []Phase }{
		{phases(4, 3.5, 1, 2.9, .5, 3, 4), []Phase{Mix, Mix, Compress, Compress, Compress, Refine, Refine}}, // the bump between stays inside
		{phases(4, 3.9, 3.5), []Phase{Mix, Mix, Mix}},                                                       // no valley
		{phases(1, 4), []Phase{Compress, Refine}},
		{phases(4, 1), []Phase{Mix, Compress}},
	} {
		if !slices.Equal(c.got, c.want) {
			t.Errorf("%v, want %v", c.got, c.want)
		}
	}
}

// Of two sequences one keeps its channel, then both do; the first step has nothing before it.
func TestStability(t *testing.T) {
	var rows []Row
	for i, channels := range [][2]float64{{3, 9}, {3, 4}, {3, 4}} {
		for sequence, c := range channels {
			rows = append(rows, row(10*i, ResidPost, "top1_channel", 2, -1, sequence, c))
		}
	}
	want := []LayerValue{{10, 2, .5}, {20, 2, 1}}
	if got := Stability(rows, ResidPost, "top1_channel"); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// Three layers peak at 2, 2 and 40 in, 1, 1 and 50 out: the last spikes by 20 and 50. Two of its three sequences agree.
func TestSuperWeights(t *testing.T) {
	var rows []Row
	for layer, peak := range [][2]float64{{2, 1}, {-2, -1}, {-40, 50}} {
		for sequence := range 3 {
			column := 7.
			if sequence == 2 {
				column = 6
			}
			rows = append(rows, row(5, DownIn, "super_weight_input", layer, -1, sequence, peak[0]), row(5, MLPOut, "super_weight_output", layer, -1, sequence, peak[1]),
				row(5, MLPOut, "super_weight_row", layer, -1, sequence, 3), row(5, DownIn, "super_weight_column", layer, -1, sequence, column))
		}
	}
	want := []Candidate{{Step: 5, Layer: 2, Row: 3, Column: 7, Input: 20, Output: 50, Agreeing: 2. / 3}}
	if got := SuperWeights(rows, 10); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := SuperWeights(rows, 30); len(got) != 0 {
		t.Errorf("%+v, want none", got)
	}
}
