package archs

import (
	"math"

	"github.com/outcrop-lab/outcrop/compute"
)

// Sigmoid is w_ij = sigmoid(s_ij + b) (arXiv 2409.04431). If Normalised is true, each of these weights is divided by
// their sum over j (arXiv 2410.10781).
type Sigmoid struct {
	plain
	Bias       string `json:"bias" enum:"zero,minus_log_n" doc:"b: 0, or -ln n for n positions (registers and context)"`
	Normalised bool   `json:"normalised" doc:"divide each row of weights by its sum"`
}

// Validate implements Attention.
func (*Sigmoid) Validate(Config) error { return nil }

func (s *Sigmoid) weigh(c Config, a *compute.Attention) {
	a.Weights = compute.Sigmoids
	if s.Normalised {
		a.Weights = compute.SigmoidNormalised
	}
	if s.Bias == "minus_log_n" {
		a.Bias = float32(-math.Log(float64(c.positions())))
	}
}

func (s *Sigmoid) normalised() bool { return s.Normalised }
