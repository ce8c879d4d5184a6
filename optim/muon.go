package optim

import (
	"math"

	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/variant"
)

// The scales of Muon's orthogonalised update.
const (
	Spectral      = "spectral"        // sqrt(max(1, rows/cols)), Jordan's
	MatchRMSAdamW = "match_rms_adamw" // .2 sqrt(max(rows, cols)), Moonlight's and OSP's: AdamW's rate and decay carry over
)

// Muon orthogonalises the Nesterov momentum of each matrix by five Newton-Schulz steps (arXiv 2506.19697; eps 1e-7 as
// in Jordan's code). Embeddings, the head, gains and scalars take AdamW with Beta1, Beta2, Eps at the same rate: OSP
// takes a normalised gradient for one-dimensional parameters instead.
type Muon struct {
	Momentum float64 `json:"momentum"`
	Scale    string  `json:"scale"`
	Beta1    float64 `json:"beta1"`
	Beta2    float64 `json:"beta2"`
	Eps      float64 `json:"eps"`
}

// Validate implements Method.
func (m *Muon) Validate() error {
	if !(m.Momentum >= 0 && m.Momentum < 1) {
		return variant.Errorf("momentum", "must be in [0, 1), is %v", m.Momentum)
	}
	if m.Scale != Spectral && m.Scale != MatchRMSAdamW {
		return variant.Within("scale", variant.Unknown("muon scale", m.Scale, []string{MatchRMSAdamW, Spectral}))
	}
	return betas(m.Beta1, m.Beta2, m.Eps)
}

// New implements Method.
func (m *Muon) New(dev compute.Device, params []Param, weightDecay float64) Optimizer {
	s := &muon{Muon: *m, dev: dev, decay: weightDecay}
	var rest []Param
	largest, side := 0, 0
	for _, p := range params {
		if p.Kind != Matrix {
			rest = append(rest, p)
			continue
		}
		s.params = append(s.params, p)
		s.momentum = append(s.momentum, dev.Alloc(p.Value.Len()))
		largest, side = max(largest, p.Value.Len()), max(side, min(p.Shape[0], p.Shape[1]))
	}
	s.x, s.next = dev.Alloc(largest), dev.Alloc(largest)
	s.a, s.b = dev.Alloc(side*side), dev.Alloc(side*side)
	s.rest = (&AdamW{m.Beta1, m.Beta2, m.Eps}).New(dev, rest, weightDecay).(*adamw)
	return s
}

type muon struct {
	Muon
	dev      compute.Device
	params   []Param
	decay    float64
	momentum []compute.Buffer
	x, next  compute.Buffer // the largest matrix
	a, b     compute.Buffer // the largest Gram matrix
	rest     *adamw
}

// Step implements Optimizer.
func (s *muon) Step(lr float32) {
	s.rest.Step(lr)
	for i, p := range s.params {
		rows, cols := p.Shape[0], p.Shape[1]
		u, n := s.momentum[i], p.Value.Len()
		s.dev.Axpby(u, p.Grad, 1, float32(s.Momentum))
		x := s.x.Slice(0, n)
		s.dev.Axpby(x, p.Grad, 1, 0)
		s.dev.Axpby(x, u, float32(s.Momentum), 1)
		s.dev.Scale(x, float32(1/(math.Sqrt(s.dev.SumSquares(x))+1e-7)))
		x = newtonSchulz(s.dev, x, s.next.Slice(0, n), s.a, s.b, rows, cols)
		scale := .2 * math.Sqrt(float64(max(rows, cols)))
		if s.Scale == Spectral {
			scale = math.Sqrt(math.Max(1, float64(rows)/float64(cols)))
		}
		s.dev.Axpby(p.Value, x, -lr*float32(scale), 1-lr*float32(s.decay))
	}
}

// newtonSchulz applies X <- aX + (bA + cA^2)X, A = X X^T, five times to x [rows, cols], over the smaller side: for a
// tall matrix A = X^T X stands on the right, which is the same polynomial. It returns x or next, whichever holds the
// result.
func newtonSchulz(dev compute.Device, x, next, a, b compute.Buffer, rows, cols int) compute.Buffer {
	tall := rows > cols
	m := min(rows, cols)
	a, b = a.Slice(0, m*m), b.Slice(0, m*m)
	for range 5 {
		dev.MatMul(a, x, x, m, m, max(rows, cols), tall, !tall, false)
		dev.MatMul(b, a, a, m, m, m, false, false, false)
		dev.Axpby(b, a, -4.7750, 2.0315)
		if tall {
			dev.MatMul(next, x, b, rows, cols, m, false, false, false)
		} else {
			dev.MatMul(next, b, x, rows, cols, m, false, false, false)
		}
		dev.Axpby(next, x, 3.4445, 1)
		x, next = next, x
	}
	return x
}

// State implements Optimizer.
func (s *muon) State() State {
	state := s.rest.State()
	for i, p := range s.params {
		state.Names = append(state.Names, p.Name+".momentum")
		state.Buffers = append(state.Buffers, s.momentum[i])
	}
	return state
}
