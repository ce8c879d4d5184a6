package optim

import (
	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/variant"
)

// SGD is gradient descent with momentum, without dampening (Sutskever et al. 2013, in the form of PyTorch). An update
// sets b = momentum b + g, then w -= lr b or, with Nesterov, w -= lr (g + momentum b). Weight decay is decoupled (arXiv
// 1711.05101) unless Coupled is set.
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

// Moments implements Method.
func (*SGD) Moments(Kind) int { return 1 }

// New implements Method.
func (s *SGD) New(threads Threads, params []Param) (Optimizer, error) {
	e, err := newElementwise(threads, params, "momentum")
	if err != nil {
		return nil, err
	}
	settings := *s
	e.update = settings.update
	return e, nil
}

func (s *SGD) update(dev compute.Device, p Param, lr float32) {
	momentum, decay, b := float32(s.Momentum), float32(p.Decay), p.state[0]
	if s.Coupled {
		dev.Axpby(p.Grad, p.Value, decay, 1)
		decay = 0
	}
	dev.Axpby(b, p.Grad, 1, momentum)
	if !s.Nesterov {
		dev.Axpby(p.Value, b, -lr, 1-lr*decay)
		return
	}
	dev.Axpby(p.Value, p.Grad, -lr, 1-lr*decay)
	dev.Axpby(p.Value, b, -lr*momentum, 1)
}
