package optim

import (
	"math"

	"github.com/outcrop-lab/outcrop/variant"
)

var optimizers = variant.Registry[Method]{
	"adam": {
		New:     func() Method { return &Adam{AdamW{Beta1: .9, Beta2: .95, Eps: 1e-8}} },
		Formula: "g += decay w; m = b1 m + (1-b1) g; v = b2 v + (1-b2) g^2; w -= lr m^ / (sqrt(v^) + eps)",
		Source:  "1412.6980",
	},
	"adamw": {
		New:     func() Method { return &AdamW{Beta1: .9, Beta2: .95, Eps: 1e-8} },
		Formula: "m = b1 m + (1-b1) g; v = b2 v + (1-b2) g^2; w -= lr (m^ / (sqrt(v^) + eps) + decay w)",
		Source:  "1711.05101",
	},
	"lion": {
		New:     func() Method { return &Lion{Beta1: .9, Beta2: .99} },
		Formula: "w -= lr (sign(b1 m + (1-b1) g) + decay w); m = b2 m + (1-b2) g",
		Source:  "2302.06675",
	},
	"muon": {
		New: func() Method {
			return &Muon{Momentum: .95, Scale: MatchRMSAdamW, Embeddings: "adamw", Vectors: "adamw", Beta1: .9, Beta2: .95,
				Eps: 1e-8}
		},
		Formula: "b = momentum b + g; u = g + momentum b; w -= lr (scale NewtonSchulz5(u / |u|) + decay w)",
		Source:  "2506.19697; 2502.16982 for match_rms_adamw; Jordan et al. 2024 for spectral",
	},
	"sgd": {
		New:     func() Method { return &SGD{Momentum: .9} },
		Formula: "b = momentum b + g; w -= lr (b + decay w), with nesterov g + momentum b for b",
		Source:  "Sutskever et al. 2013; decoupled decay from 1711.05101",
	},
}

func betas(beta1, beta2 float64) error {
	if err := below1("beta1", beta1); err != nil {
		return err
	}
	return below1("beta2", beta2)
}

func below1(key string, v float64) error {
	if !(v >= 0 && v < 1) {
		return variant.Errorf(key, "must be in [0, 1), is %v", v)
	}
	return nil
}

func positive(key string, v float64) error {
	if !(v > 0) || math.IsInf(v, 1) {
		return variant.Errorf(key, "must be a finite number above 0, is %v", v)
	}
	return nil
}
