package optim

import "github.com/outcrop-lab/outcrop/compute"

// Lion updates by the sign of an interpolated momentum (arXiv 2302.06675). Apart from weight decay, every element moves
// by lr. Learning rates are therefore 3 to 10 times smaller than with AdamW, and weight decays are larger by the same
// factor. The sign of 0 is 0.
type Lion struct {
	Beta1 float64 `json:"beta1" doc:"share of the momentum in the update"`
	Beta2 float64 `json:"beta2" doc:"decay of the momentum a step"`
}

// Validate implements Method.
func (l *Lion) Validate() error { return betas(l.Beta1, l.Beta2) }

// Moments implements Method.
func (*Lion) Moments(Kind) int { return 1 }

// New implements Method.
func (l *Lion) New(threads Threads, params []Param) (Optimizer, error) {
	e, err := newElementwise(threads, params, "momentum")
	if err != nil {
		return nil, err
	}
	beta1, beta2 := float32(l.Beta1), float32(l.Beta2)
	e.update = func(dev compute.Device, p Param, lr float32) {
		dev.Lion(p.Value, p.Grad, p.state[0], lr, beta1, beta2, float32(p.Decay))
	}
	return e, nil
}
