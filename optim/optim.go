package optim

import (
	"math"

	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/variant"
)

var optimizers = variant.Registry[Method]{
	"adamw": {New: func() Method { return &AdamW{Beta1: .9, Beta2: .95, Eps: 1e-8} }},
	"muon": {New: func() Method {
		return &Muon{Momentum: .95, Scale: MatchRMSAdamW, Beta1: .9, Beta2: .95, Eps: 1e-8}
	}},
}

// Default is AdamW at 1e-3 with decay .1 and clipping at 1.
func Default() Config {
	return Config{Slot: variant.New("optimizer", optimizers, "adamw"), LR: 1e-3, WeightDecay: .1, Clip: 1}
}

// Validate checks the common keys and the method's own.
func (c Config) Validate() error {
	for _, v := range []struct {
		key   string
		value float64
	}{{"lr", c.LR}, {"weight_decay", c.WeightDecay}, {"clip", c.Clip}} {
		if !(v.value >= 0) || math.IsInf(v.value, 0) {
			return variant.Errorf(v.key, "must be a finite number of at least 0, is %v", v.value)
		}
	}
	return c.Value.Validate()
}

// ClipNorm scales all gradients by max/norm where their global Euclidean norm is above max (arXiv 1211.5063), and
// returns the norm before. A max of 0 does not clip; a norm that is not finite changes nothing.
func ClipNorm(dev compute.Device, params []Param, max float64) float64 {
	sum := 0.0
	for _, p := range params {
		sum += dev.SumSquares(p.Grad)
	}
	norm := math.Sqrt(sum)
	if max > 0 && norm > max && !math.IsInf(norm, 0) {
		for _, p := range params {
			dev.Scale(p.Grad, float32(max/norm))
		}
	}
	return norm
}

// decays tells whether weight decay applies: to matrices, embeddings and the head, not to gains and biases.
func decays(k Kind) bool { return k == Matrix || k == Embedding || k == Head }

func betas(beta1, beta2, eps float64) error {
	for _, b := range []struct {
		key   string
		value float64
	}{{"beta1", beta1}, {"beta2", beta2}} {
		if !(b.value >= 0 && b.value < 1) {
			return variant.Errorf(b.key, "must be in [0, 1), is %v", b.value)
		}
	}
	if !(eps > 0) || math.IsInf(eps, 1) {
		return variant.Errorf("eps", "must be a finite number above 0, is %v", eps)
	}
	return nil
}
