package probes

import (
	"math"
	"slices"
	"testing"

	"github.com/outcrop-lab/outcrop/rng"
)

// one is a hand-made block: B=1, T=3, D=4, H=2, no KV bias.
func one() *Layer {
	return &Layer{
		Index: 5, B: 1, T: 3, D: 4, H: 2, Keys: 3,
		Resid: []float32{
			0, -12, 0, 0,
			3, 0, -4, 0,
			1, 2, -2, 4,
		},
		Pattern: []float32{
			1, 0, 0, .5, .5, 0, .25, .25, .5, // head 0: scores 1.75/3
			1, 0, 0, 0, 1, 0, 0, 0, 1, // head 1: 1/3
		},
		Gate:     []float32{.25, .75, .5, .5, 1, 0},
		Ordinary: []bool{false, false, true},
	}
}

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

// The expected numbers are worked by hand from one().
func TestKnownValues(t *testing.T) {
	rows := Measure(one())
	for _, c := range []struct {
		name      string
		head, idx int
		want      float64
	}{
		{"top1", -1, 0, 12}, {"top2", -1, 0, 4}, {"top3", -1, 0, 4},
		{"median", -1, 0, 1.5}, // 0 0 0 0 0 1 | 2 2 3 4 4 12
		{"ratio_mean", -1, -1, 8}, {"ratio_of_means", -1, -1, 8},
		{"top1_over_rms", -1, -1, 2},                                               // one-hot: sqrt(4)
		{"bos_norm_ratio", -1, -1, 2.4},                                            // 12 / mean(5, 5)
		{"first_token_attention", 0, -1, .25}, {"first_token_attention", 1, -1, 0}, // only t=2 is ordinary
		{"sink_rate", 0, -1, 1}, {"sink_rate", 1, -1, 1}, {"sink_rate_gu", 1, -1, 1},
		{"gate_mean", -1, -1, .5},
	} {
		if got := get(t, rows, c.name, c.head, c.idx); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s head %d: %v, want %v", c.name, c.head, got, c.want)
		}
	}
}

// One-hot tokens score D-5+1/(D-1), the largest excess kurtosis there is.
func TestKurtosisOfOneHot(t *testing.T) {
	x := make([]float32, 64)
	x[7] = -3
	if got, want := excessKurtosis(x), 64-5+1.0/63; math.Abs(got-want) > 1e-9 {
		t.Errorf("%v, want %v", got, want)
	}
}

// gaussianRatio is the expected maximum of n values |N(0,1)| over their median .67449, by integrating one less the
// maximum's distribution: 5.64 for 4,096.
func gaussianRatio(n float64) float64 {
	const dx = 1e-4
	sum := 0.0
	for x := dx / 2; x < 12; x += dx {
		sum += (1 - math.Pow(math.Erf(x/math.Sqrt2), n)) * dx
	}
	return sum / .6744897501960817
}

// On a Gaussian the ratio is that of gaussianRatio, up to the sample median's own spread, and the kurtosis of D channels has mean -6/(D+1), here -.0923; the BOS is a token like another.
func TestGaussian(t *testing.T) {
	l := &Layer{B: 400, T: 64, D: 64, H: 1}
	r := rng.New(1, "test").Rand()
	l.Resid = make([]float32, l.B*l.T*l.D)
	for i := range l.Resid {
		l.Resid[i] = float32(r.NormFloat64())
	}
	rows := Measure(l)
	at := func(name string) float64 {
		i := slices.IndexFunc(rows, func(v Value) bool { return v.Statistic == name && v.Idx == -1 })
		return rows[i].Value
	}
	for _, c := range []struct {
		name            string
		want, tolerance float64 // five standard errors of 400 sequences
	}{{"ratio_mean", gaussianRatio(4096), .13}, {"ratio_of_means", gaussianRatio(4096), .13}, {"kurtosis", -6.0 / 65, .02}, {"bos_norm_ratio", 1, .025}} {
		if got := at(c.name); math.Abs(got-c.want) > c.tolerance {
			t.Errorf("%s: %v, want %v +- %v", c.name, got, c.want, c.tolerance)
		}
	}
	if slices.ContainsFunc(rows, func(v Value) bool { return v.Site != ResidPost }) {
		t.Error("rows of sites that the layer does not show")
	}
}

func TestMedianAgainstSorting(t *testing.T) {
	r := rng.New(2, "test").Rand()
	for n := 1; n < 200; n++ {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(r.IntN(20)) // many ties
		}
		sorted := slices.Clone(x)
		slices.Sort(sorted)
		want := (float64(sorted[(n-1)/2]) + float64(sorted[n/2])) / 2
		if got := exactMedian(x); got != want {
			t.Fatalf("n=%d: %v, want %v", n, got, want)
		}
	}
}

func TestKVBiasColumnIsNotTheFirstToken(t *testing.T) {
	l := &Layer{B: 1, T: 2, D: 1, H: 1, Keys: 3, Resid: []float32{1, 1}, Ordinary: []bool{false, true},
		Pattern: []float32{.9, .1, 0, .7, .2, .1}}
	if got := firstTokenAttention.Compute(l)[0].Value; math.Abs(got-.2) > 1e-7 {
		t.Errorf("%v, want .2", got)
	}
}

func TestNaNIsKept(t *testing.T) {
	l := one()
	l.Resid[6] = float32(math.NaN())
	if got := get(t, Measure(l), "ratio_mean", -1, -1); !math.IsNaN(got) {
		t.Errorf("%v, want NaN", got)
	}
}

// Every statistic of the registry declares what a reader needs, and gives rows on a full layer.
func TestRegistry(t *testing.T) {
	for _, name := range Names() {
		s, _ := Lookup(name)
		if s.Unit == "" || len(s.Needs) == 0 || !one().Has(s.Needs[0]) {
			t.Errorf("%s: unit %q, needs %v", name, s.Unit, s.Needs)
		}
		for _, v := range s.Compute(one()) {
			if (v.Idx >= 0) != (s.Index != "") {
				t.Errorf("%s: idx %d but index is %q", name, v.Idx, s.Index)
			}
			if math.IsNaN(v.Value) {
				t.Errorf("%s: NaN on sound input", name)
			}
		}
	}
}
