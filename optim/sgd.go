package optim

import (
	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/variant"
)

// SGD is gradient descent with momentum, without dampening: b = momentum b + g, w -= lr b, or with Nesterov's
// w -= lr (g + momentum b) (Sutskever et al. 2013, as PyTorch writes it). Decay is decoupled (arXiv 1711.05101) unless
// Coupled.
type SGD struct {
	Momentum float64 `json:"momentum" doc:"decay of the summed gradients a step"`
	Nesterov bool    `json:"nesterov" doc:"step by the gradient and momentum times the sum"`
	Coupled  bool    `json:"coupled" doc:"add weight_decay times the weight to the gradient, as PyTorch does"`
}

// Validate implements Method.
func (s *SGD) Validate() error {
	if s.Nesterov && s.Momentum == 0 {
		return variant.Errorf("nesterov", "needs a momentum above 0")
	}
	return below1("momentum", s.Momentum)
}

// New implements Method.
func (s *SGD) New(dev compute.Device, params []Param) Optimizer {
	return &sgd{SGD: *s, dev: dev, velocity: newVelocity(dev, params)}
}

type sgd struct {
	SGD
	velocity
	dev compute.Device
}

// Step implements Optimizer.
func (s *sgd) Step(lr float32) {
	s.count++
	momentum := float32(s.Momentum)
	for i, p := range s.params {
		rate, decay, b := lr*float32(p.LRFactor), float32(p.Decay), s.momentum[i]
		if s.Coupled {
			s.dev.Axpby(p.Grad, p.Value, decay, 1)
			decay = 0
		}
		s.dev.Axpby(b, p.Grad, 1, momentum)
		if !s.Nesterov {
			s.dev.Axpby(p.Value, b, -rate, 1-rate*decay)
			continue
		}
		s.dev.Axpby(p.Value, p.Grad, -rate, 1-rate*decay)
		s.dev.Axpby(p.Value, b, -rate*momentum, 1)
	}
}

// velocity is the state of an optimizer that keeps one momentum a parameter.
type velocity struct {
	params   []Param
	momentum []compute.Buffer
	count    int
}

func newVelocity(dev compute.Device, params []Param) velocity {
	v := velocity{params: params}
	for _, p := range params {
		v.momentum = append(v.momentum, dev.Alloc(p.Value.Len()))
	}
	return v
}

// State implements Optimizer.
func (v *velocity) State() State {
	state := State{Count: &v.count}
	for i, p := range v.params {
		state.Names = append(state.Names, p.Name+".momentum")
		state.Buffers = append(state.Buffers, v.momentum[i])
	}
	return state
}
