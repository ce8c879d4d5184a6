package optim

import (
	"math"

	"github.com/outcrop-lab/outcrop/compute"
)

// AdamW is Adam with decoupled weight decay (arXiv 1711.05101): w -= lr (m^ / (sqrt(v^) + eps) + decay w). Gains,
// scalars and biases do not decay.
type AdamW struct {
	Beta1 float64 `json:"beta1"`
	Beta2 float64 `json:"beta2"`
	Eps   float64 `json:"eps"`
}

// Validate implements Method.
func (a *AdamW) Validate() error { return betas(a.Beta1, a.Beta2, a.Eps) }

// New implements Method.
func (a *AdamW) New(dev compute.Device, params []Param, weightDecay float64) Optimizer {
	s := &adamw{AdamW: *a, dev: dev, params: params, decay: weightDecay}
	for _, p := range params {
		s.m, s.v = append(s.m, dev.Alloc(p.Value.Len())), append(s.v, dev.Alloc(p.Value.Len()))
	}
	return s
}

type adamw struct {
	AdamW
	dev    compute.Device
	params []Param
	decay  float64
	m, v   []compute.Buffer
	count  int
}

// Step implements Optimizer.
func (s *adamw) Step(lr float32) {
	s.count++
	c1 := 1 - math.Pow(s.Beta1, float64(s.count))
	c2 := 1 - math.Pow(s.Beta2, float64(s.count))
	for i, p := range s.params {
		decay := 0.0
		if decays(p.Kind) {
			decay = s.decay
		}
		s.dev.AdamW(p.Value, p.Grad, s.m[i], s.v[i], lr, float32(s.Beta1), float32(s.Beta2), float32(s.Eps), float32(decay), float32(c1), float32(c2))
	}
}

// State implements Optimizer.
func (s *adamw) State() State {
	state := State{Count: &s.count}
	for i, p := range s.params {
		state.Names = append(state.Names, p.Name+".m", p.Name+".v")
		state.Buffers = append(state.Buffers, s.m[i], s.v[i])
	}
	return state
}
