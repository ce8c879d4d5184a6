package archs

import (
	"math"
	"slices"
	"testing"
)

// TestSitesAreWhatTheySay recomputes each site from others and the weights, in float64; both sides are sums of at most
// 64 products of order 1, so they agree to 1e-5.
func TestSitesAreWhatTheySay(t *testing.T) { //nolint:funlen // one formula per site
	for name, change := range map[string]func(c *Config){
		"plain":     func(*Config) {},
		"registers": func(c *Config) { c.Registers = 2; c.QKNorm = true; choose(t, &c.MLP, "swiglu") },
		"softmax1":  func(c *Config) { choose(t, &c.Attention, "softmax1"); choose(t, &c.MLP, "geglu") },
		"sigmoid":   func(c *Config) { choose(t, &c.Attention, "sigmoid"); c.KVHeads = 2 },
	} {
		t.Run(name, func(t *testing.T) {
			c := small()
			change(&c)
			m, w, _ := built(t, c, false, Sites())
			run(t, m)
			site := make(map[string][]float64) // of block 1, and after it
			for _, s := range m.Sites {
				if s.Layer == 1 || s.Layer == -1 {
					site[s.Name] = double(s.Value.Host())
				}
			}
			weight := make(map[string][]float64)
			for i, p := range w.Params() {
				weight[p.Name] = double(w.Value(i).Host())
			}
			same := func(name string, want []float64) {
				t.Helper()
				var got []float32
				for _, x := range site[name] {
					got = append(got, float32(x))
				}
				if len(got) != len(want) || !(distance(got, want) <= 1e-5) {
					t.Errorf("%s is not what it says, by %g", name, distance(got, want))
				}
			}
			product := func(x []float64, matrix string, in int) []float64 { // x W^T
				var y []float64
				for row := 0; row < len(x); row += in {
					for out := 0; out < len(weight[matrix]); out += in {
						y = append(y, dot(x[row:row+in], weight[matrix][out:out+in]))
					}
				}
				return y
			}
			each := func(a, b []float64, f func(a, b float64) float64) []float64 {
				y := slices.Clone(a)
				for i := range y {
					y[i] = f(a[i], b[i])
				}
				return y
			}
			plus := func(a, b float64) float64 { return a + b }
			const block = "blocks.1"
			same("resid_mid", each(site["resid_pre"], site["attn.out"], plus))
			same("resid_post", each(site["resid_mid"], site["mlp.out"], plus))
			if !c.QKNorm {
				same("q", product(site["norm1.out"], block+".attn.q", c.Width))
				same("k", product(site["norm1.out"], block+".attn.k", c.Width))
			}
			same("v", product(site["norm1.out"], block+".attn.v", c.Width))
			same("mlp.up", product(site["norm2.out"], block+".mlp.up", c.Width))
			if _, gated := c.MLP.Value.form(); gated {
				same("mlp.gate", product(site["norm2.out"], block+".mlp.gate", c.Width))
				same("mlp.down_in", each(site["mlp.act"], site["mlp.up"], func(a, b float64) float64 { return a * b }))
			} else {
				same("mlp.down_in", site["mlp.act"])
			}
			same("mlp.out", product(site["mlp.down_in"], block+".mlp.down", c.hidden()))
			same("logits", product(site["final_norm.out"], "head", c.Width))
			if c.Registers == 0 {
				same("attn.out", product(mixed(c, site["attn.pattern"], site["v"]), block+".attn.out", c.Width))
			}
			rms := 0.0
			for _, x := range site["resid_pre"][:c.Width] {
				rms += x * x / float64(c.Width)
			}
			first := site["resid_pre"][0] / math.Sqrt(rms+1e-6) * weight[block+".attn.norm.gain"][0]
			if got := site["norm1.out"][0]; math.Abs(got-first) > 1e-5 {
				t.Errorf("norm1.out begins with %v, want %v", got, first)
			}
		})
	}
}

// mixed returns the heads' outputs [B*T, D]: sums over the last T columns of the pattern [B,H,T,Keys] times v
// [B,T,KV,E].
func mixed(c Config, pattern, v []float64) []float64 {
	T, H, KV, E := c.Context, c.Heads, c.kvHeads(), c.headWidth()
	keys := len(pattern) / (2 * H * T)
	y := make([]float64, 2*T*H*E)
	for b := range 2 {
		for h := range H {
			for i := range T {
				for j := range T {
					for e := range E {
						y[((b*T+i)*H+h)*E+e] += pattern[((b*H+h)*T+i)*keys+keys-T+j] * v[((b*T+j)*KV+h*KV/H)*E+e]
					}
				}
			}
		}
	}
	return y
}
