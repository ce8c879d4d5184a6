package archs

import (
	"math"
	"slices"
	"testing"

	"github.com/outcrop-lab/outcrop/compute"
)

// TestBF16: in bf16 the loss differs from float32's by rounding only, but it does differ. It is the same to 1e-6 with
// sites and without, and has the same bits on the tape and on a replay. The gradient of all parameters is within a
// fifth of the length of float32's (a norm's single gain, a sum of terms that cancel, may be far off by itself).
func TestBF16(t *testing.T) {
	if err := compute.Can("", compute.BF16); err != nil {
		t.Skip(err)
	}
	everyArch(t, func(t *testing.T, c Config) {
		exact, w, _ := built(t, c, true, nil)
		rounded, _, _ := builtIn(t, compute.BF16, c, true, nil)
		probe, _, _ := builtIn(t, compute.BF16, c, false, Sites())
		run(t, exact)
		run(t, rounded)
		run(t, probe)
		loss, want := float64(rounded.Loss.Host()[0]), float64(exact.Loss.Host()[0])
		if e := distance(probe.Loss.Host(), []float64{loss}) / loss; !(e <= 1e-6) {
			t.Errorf("loss %v with sites, %v without", probe.Loss.Host()[0], loss)
		}
		if e := distance(rounded.Loss.Host(), []float64{want}) / want; !(e <= .02) || e == 0 {
			t.Errorf("loss %v in bf16, %v in float32", loss, want)
		}
		var first [][]float32
		off, size := 0.0, 0.0
		for i := range w.Params() {
			first = append(first, slices.Clone(rounded.Grads[i].Host()))
			for j, g := range exact.Grads[i].Host() {
				off += math.Pow(float64(first[i][j]-g), 2)
				size += math.Pow(float64(g), 2)
			}
		}
		if e := math.Sqrt(off / size); !(e <= .2) {
			t.Errorf("the gradient is %.2g of its length off", e)
		}
		run(t, rounded)
		for i, p := range w.Params() {
			if !slices.Equal(rounded.Grads[i].Host(), first[i]) {
				t.Errorf("gradient of %s: other bits on a replay", p.Name)
			}
		}
	})
}
