package compute

import (
	"fmt"
	"math"
	"testing"
)

func TestRMSNorm(t *testing.T) {
	const rows, eps = 5, 1e-5
	eachPath(t, func(_ *testing.T, k *kernels) {
		for _, d := range lengths {
			for _, gains := range []int{1, d} {
				in, gain, up := k.normal(rows*d, 2), k.normal(gains, 1), k.normal(rows*d, 1)
				y, rinv, dx, dg := k.poison(rows*d), k.poison(rows), k.poison(rows*d), k.poison(gains)
				x, dy := double(in), double(up)
				g := func(i int) float64 { return float64(gain.Host()[i%d%gains]) }
				inverse := each(rows, func(r int) float64 {
					row := x[r*d : (r+1)*d]
					return 1 / math.Sqrt(dotted(row, row)/float64(d)+eps)
				})
				k.RMSNorm(y, rinv, in, gain, d, eps)
				k.close("rmsnorm", y, each(rows*d, func(i int) float64 { return g(i) * x[i] * inverse[i/d] }), 1e-6)
				k.RMSNormGrad(dx, dg, up, in, gain, rinv, d)
				wantGain := make([]float64, gains)
				inner := make([]float64, rows) // mean of g dy x
				for i := range x {
					wantGain[i%d%gains] += dy[i] * x[i] * inverse[i/d]
					inner[i/d] += g(i) * dy[i] * x[i] / float64(d)
				}
				name := fmt.Sprintf("rmsnorm grad, width %d, %d gains", d, gains)
				k.close(name, dg, wantGain, 1e-5)
				if d > 1 { // at width 1 the gradient is that of x/|x|, nearly 0
					k.close(name, dx, each(rows*d, func(i int) float64 {
						r := inverse[i/d]
						return r * (g(i)*dy[i] - x[i]*r*r*inner[i/d])
					}), 1e-5)
				}
			}
		}
	})
}

func TestGate(t *testing.T) {
	const rows = 6
	eachPath(t, func(_ *testing.T, k *kernels) {
		for _, span := range []int{1, 4, 5, 32, 33} { // neighbours that share a score
			const scores = 3
			n := rows * scores * span
			in, z, up := k.normal(n, 1), k.normal(rows*scores, 2), k.normal(n, 1)
			y, s, dx, dz := k.poison(n), k.poison(rows*scores), k.poison(n), k.poison(rows*scores)
			x, dy := double(in), double(up)
			sigmoid := func(i int) float64 { return 1 / (1 + math.Exp(-float64(z.Host()[i]))) }
			k.Gate(y, s, in, z)
			k.close("gate's scores", s, each(rows*scores, sigmoid), 1e-6)
			k.close("gate", y, each(n, func(i int) float64 { return x[i] * sigmoid(i/span) }), 1e-6)
			k.GateGrad(dx, dz, up, in, s)
			k.close("gate grad by x", dx, each(n, func(i int) float64 { return dy[i] * sigmoid(i/span) }), 1e-6)
			k.close("gate grad by z", dz, each(rows*scores, func(i int) float64 {
				return sigmoid(i) * (1 - sigmoid(i)) * dotted(dy[i*span:(i+1)*span], x[i*span:(i+1)*span])
			}), 1e-5)
		}
	})
}

// attended is softmax attention in float64: the pattern [B,H,T,Keys] and the output [B*T,H*E].
func attended(a Attention, qkv, kb, vb []float64) (pattern, y []float64) {
	width, keys := a.H*a.E, a.Keys()
	extra := keys - a.T
	pattern, y = make([]float64, a.B*a.H*a.T*keys), make([]float64, a.B*a.T*width)
	at := func(part, b, t, h, e int) float64 { // 0 for q, 1 for k, 2 for v; position -1 is the extra slot
		start := h * a.E
		if part > 0 {
			shared := h / (a.H / a.KV)
			switch {
			case t < 0 && part == 1:
				return kb[shared*a.E+e]
			case t < 0:
				return vb[shared*a.E+e]
			}
			start = (a.H + (part-1)*a.KV + shared) * a.E
		}
		row := qkv[(b*a.T+t)*a.Row()+start:]
		if part == 2 || !a.Rope || e >= a.Turn {
			return row[e]
		}
		half := a.Turn / 2
		angle := float64(t) * math.Pow(float64(a.Theta), -2*float64(e%half)/float64(a.Turn))
		if e < half {
			return row[e]*math.Cos(angle) - row[e+half]*math.Sin(angle)
		}
		return row[e-half]*math.Sin(angle) + row[e]*math.Cos(angle)
	}
	for b := range a.B {
		for h := range a.H {
			for t := range a.T {
				row := pattern[((b*a.H+h)*a.T+t)*keys:][:keys]
				total := 0.0
				for j := range t + 1 + extra {
					score := 0.0
					for e := range a.E {
						score += at(0, b, t, h, e) * at(1, b, j-extra, h, e)
					}
					row[j] = math.Exp(score / math.Sqrt(float64(a.E)))
					total += row[j]
				}
				for j := range t + 1 + extra {
					row[j] /= total
					for e := range a.E {
						y[(b*a.T+t)*width+h*a.E+e] += row[j] * at(2, b, j-extra, h, e)
					}
				}
			}
		}
	}
	return pattern, y
}

// TestAttend compares attention with its formula, and its gradient with central differences of the formula, in float64.
// Sink logits, ALiBi and weights other than softmax are tested in archs.
func TestAttend(t *testing.T) {
	eachPath(t, func(_ *testing.T, k *kernels) {
		for _, a := range []Attention{
			{B: 1, T: 1, H: 1, KV: 1, E: 4},
			{B: 2, T: 5, H: 4, KV: 2, E: 6},
			{B: 1, T: 37, H: 2, KV: 2, E: 8, Extra: true},
			{B: 1, T: 33, H: 1, KV: 1, E: 10, Rope: true, Turn: 10, Theta: 1e4},
			{B: 2, T: 7, H: 3, KV: 1, E: 8, Rope: true, Turn: 4, Theta: 100, Extra: true},
		} {
			rows, width := a.B*a.T, a.H*a.E
			qkv, up := k.normal(rows*a.Row(), 1), k.normal(rows*width, 1)
			var x, dx Extra
			if shared := a.KV * a.E; a.Extra {
				x, dx = Extra{K: k.normal(shared, 1), V: k.normal(shared, 1)}, Extra{K: k.poison(shared), V: k.poison(shared)}
			}
			y, lse, p, dqkv := k.poison(rows*width), k.poison(a.B*a.H*a.T), k.poison(a.B*a.H*a.T*a.Keys()),
				k.poison(rows*a.Row())
			inputs := [][]float64{double(qkv), double(x.K), double(x.V)}
			pattern, out := attended(a, inputs[0], inputs[1], inputs[2])
			if err := k.Prepare(a); err != nil {
				t.Fatal(err)
			}
			k.Attend(a, y, lse, qkv, x)
			k.close(fmt.Sprintf("%+v: output", a), y, out, 2e-6)
			k.AttendPattern(a, p, qkv, x)
			k.close(fmt.Sprintf("%+v: pattern", a), p, pattern, 2e-6)
			k.AttendGrad(a, dqkv, dx, up, y, lse, qkv, x)
			dy := double(up)
			for i, got := range []Buffer{dqkv, dx.K, dx.V} {
				in := inputs[i]
				k.close(fmt.Sprintf("%+v: gradient of input %d", a, i), got, each(len(in), func(j int) float64 {
					const h = 1e-5
					kept := in[j]
					in[j] = kept + h
					_, above := attended(a, inputs[0], inputs[1], inputs[2])
					in[j] = kept - h
					_, below := attended(a, inputs[0], inputs[1], inputs[2])
					in[j] = kept
					return (dotted(above, dy) - dotted(below, dy)) / (2 * h)
				}), 1e-5)
			}
		}
	})
}
