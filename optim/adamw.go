package optim

import (
	"math"

	"github.com/outcrop-lab/outcrop/compute"
)

// AdamW is Adam with decoupled weight decay (arXiv 1711.05101): w -= lr (m^ / (sqrt(v^) + eps) + decay w), where m^ and
// v^ are m / (1 - beta1^t) and v / (1 - beta2^t) at update t.
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

// New implements Method.
func (a *AdamW) New(dev compute.Device, params []Param) Optimizer { return a.state(dev, params) }

func (a *AdamW) state(dev compute.Device, params []Param) *adamw {
	s := &adamw{AdamW: *a, dev: dev, params: params}
	for _, p := range params {
		s.m, s.v = append(s.m, dev.Alloc(p.Value.Len())), append(s.v, dev.Alloc(p.Value.Len()))
	}
	return s
}

// Adam is AdamW with L2 regularisation in place of decoupled decay: decay times w is added to the gradient (after
// clipping), and so passes through both moments (arXiv 1412.6980).
type Adam struct{ AdamW }

// New implements Method.
func (a *Adam) New(dev compute.Device, params []Param) Optimizer {
	s := a.state(dev, params)
	s.coupled = true
	return s
}

type adamw struct {
	AdamW
	coupled bool
	dev     compute.Device
	params  []Param
	m, v    []compute.Buffer
	count   int
}

// Step implements Optimizer.
func (s *adamw) Step(lr float32) {
	s.count++
	c1 := 1 - math.Pow(s.Beta1, float64(s.count))
	c2 := 1 - math.Pow(s.Beta2, float64(s.count))
	for i, p := range s.params {
		decay := float32(p.Decay)
		if s.coupled {
			s.dev.Axpby(p.Grad, p.Value, decay, 1)
			decay = 0
		}
		s.dev.AdamW(p.Value, p.Grad, s.m[i], s.v[i], lr*float32(p.LRFactor), float32(s.Beta1), float32(s.Beta2), float32(s.Eps), decay, float32(c1), float32(c2))
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
