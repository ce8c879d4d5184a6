package optim

import (
	"math"

	"github.com/outcrop-lab/outcrop/compute"
)

// AdamW is Adam with decoupled weight decay (arXiv 1711.05101): w -= lr (m^ / (sqrt(v^) + eps) + decay w), where m^ = m
// / (1 - beta1^t) and v^ = v / (1 - beta2^t) at update t.
type AdamW struct {
	Beta1 float64 `json:"beta1" doc:"decay of the mean gradient a step"`
	Beta2 float64 `json:"beta2" doc:"decay of the mean squared gradient a step"`
	Eps   float64 `json:"eps" doc:"added to the root of the mean square"`
}

// Validate implements Method.
func (a *AdamW) Validate() error {
	if err := betas(a.Beta1, a.Beta2); err != nil {
		return err
	}
	return positive("eps", a.Eps)
}

// Moments implements Method.
func (*AdamW) Moments(Kind) int { return 2 }

// New implements Method.
func (a *AdamW) New(threads Threads, params []Param) (Optimizer, error) {
	return a.state(threads, params)
}

func (a *AdamW) state(threads Threads, params []Param) (*adamw, error) {
	e, err := newElementwise(threads, params, "m", "v")
	if err != nil {
		return nil, err
	}
	s := &adamw{AdamW: *a, elementwise: e}
	s.update = s.updatePiece
	return s, nil
}

// Adam is AdamW with L2 regularisation instead of decoupled decay (arXiv 1412.6980). It adds decay times w to the
// clipped gradient, so that the decay enters both moments.
type Adam struct{ AdamW }

// New implements Method.
func (a *Adam) New(threads Threads, params []Param) (Optimizer, error) {
	s, err := a.state(threads, params)
	if err != nil {
		return nil, err
	}
	s.coupled = true
	return s, nil
}

type adamw struct {
	AdamW
	*elementwise
	coupled bool
	c1, c2  float32 // 1 - beta^t of this update
}

// Step implements Optimizer.
func (s *adamw) Step(lr, clip float32) {
	s.begin(lr, clip)
	s.threads.Team.Run(len(s.parts), s.part)
}

func (s *adamw) begin(lr, clip float32) {
	s.elementwise.begin(lr, clip)
	s.c1 = float32(1 - math.Pow(s.Beta1, float64(s.count)))
	s.c2 = float32(1 - math.Pow(s.Beta2, float64(s.count)))
}

func (s *adamw) updatePiece(dev compute.Device, p Param, lr float32) {
	decay := float32(p.Decay)
	if s.coupled {
		dev.Axpby(p.Grad, p.Value, decay, 1)
		decay = 0
	}
	dev.AdamW(p.Value, p.Grad, p.state[0], p.state[1], lr, float32(s.Beta1), float32(s.Beta2), float32(s.Eps), decay, s.c1,
		s.c2)
}
