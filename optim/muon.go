package optim

import (
	"math"
	"slices"

	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/variant"
)

// The scales of the orthogonalised update in Muon.
const (
	Spectral      = "spectral"        // sqrt(max(1, rows/cols)), as in Jordan's code
	MatchRMSAdamW = "match_rms_adamw" // .2 sqrt(max(rows, cols)), as in Moonlight and OSP: AdamW's lr and decay suit it
)

// Muon orthogonalises the Nesterov momentum of each matrix by five Newton-Schulz steps (arXiv 2506.19697), with an eps
// of 1e-7 as in Jordan's code. By default, AdamW, with Beta1, Beta2 and Eps and at Muon's learning rate, updates the
// embeddings, the head, gains, biases and scalars. If Embeddings is "muon", Muon itself updates the embeddings and the
// head: OSP's "Muon without Adam". If Vectors is "normalised", the update of a one-dimensional parameter is OSP's u /
// (|u| + eps), scaled like that of a matrix with one row.
type Muon struct {
	Momentum   float64 `json:"momentum" doc:"decay of the summed gradients a step"`
	Scale      string  `json:"scale" doc:"of the orthogonalised update: .2 sqrt(max(rows, cols)), or sqrt(max(1, rows/cols))" enum:"match_rms_adamw,spectral"`
	Embeddings string  `json:"embeddings" doc:"who updates the embeddings and the head" enum:"adamw,muon"`
	Vectors    string  `json:"vectors" doc:"who updates gains, biases and scalars: AdamW, or the momentum by its norm" enum:"adamw,normalised"`
	Beta1      float64 `json:"beta1" doc:"AdamW's"`
	Beta2      float64 `json:"beta2" doc:"AdamW's"`
	Eps        float64 `json:"eps" doc:"AdamW's"`
}

// Validate implements Method.
func (m *Muon) Validate() error {
	if err := below1("momentum", m.Momentum); err != nil {
		return err
	}
	if err := variant.CheckEnums(m); err != nil {
		return err
	}
	return m.adamw().Validate()
}

// Moments implements Method.
func (m *Muon) Moments(k Kind) int {
	if m.owns(k) {
		return 1
	}
	return m.adamw().Moments(k)
}

// adamw returns the method for the parameters that Muon does not update itself.
func (m *Muon) adamw() *AdamW { return &AdamW{m.Beta1, m.Beta2, m.Eps} }

// New implements Method.
func (m *Muon) New(threads Threads, params []Param) (Optimizer, error) {
	s := &muon{Muon: *m, threads: threads}
	var own, rest []Param
	for _, p := range params {
		if m.owns(p.Kind) {
			own = append(own, p)
		} else {
			rest = append(rest, p)
		}
	}
	var err error
	if s.own, err = withState(threads.Devices[0], own, 1); err != nil {
		return nil, err
	}
	s.dearest = slices.SortedStableFunc(slices.Values(s.own), func(a, b Param) int { return schulz(b) - schulz(a) })
	for _, dev := range threads.Devices {
		scratch, err := newMuonScratch(dev, own)
		if err != nil {
			return nil, err
		}
		s.scratch = append(s.scratch, scratch)
	}
	if s.rest, err = m.adamw().state(threads, rest); err != nil {
		return nil, err
	}
	s.part = s.updatePart
	return s, nil
}

// owns reports whether Muon itself, rather than AdamW, updates parameters of that kind.
func (m *Muon) owns(k Kind) bool {
	switch k {
	case Embedding, Head:
		return m.Embeddings == "muon"
	case Vector, Scalar:
		return m.Vectors == "normalised"
	}
	return true
}

// sides returns the rows and columns of a matrix; a vector is one row.
func sides(p Param) (rows, cols int) {
	if oneDimensional(p) {
		return 1, p.Value.Len()
	}
	return p.Shape[0], p.Shape[1]
}

// schulz returns a tenth of the number of operations of a matrix's Newton-Schulz iteration.
func schulz(p Param) int {
	rows, cols := sides(p)
	least, most := min(rows, cols), max(rows, cols)
	return least * least * (2*most + least)
}

func oneDimensional(p Param) bool { return p.Kind == Vector || p.Kind == Scalar || len(p.Shape) != 2 }

// muonScratch is the memory that a thread needs to update a matrix.
type muonScratch struct {
	x, next compute.Buffer // the largest matrix
	a, b    compute.Buffer // the largest Gram matrix
}

func newMuonScratch(dev compute.Device, params []Param) (s muonScratch, err error) {
	largest, side := 0, 0
	for _, p := range params {
		largest = max(largest, p.Value.Len())
		if rows, cols := sides(p); !oneDimensional(p) {
			side = max(side, min(rows, cols))
		}
	}
	for _, b := range []struct {
		to *compute.Buffer
		n  int
	}{{&s.x, largest}, {&s.next, largest}, {&s.a, side * side}, {&s.b, side * side}} {
		if *b.to, err = dev.Alloc(b.n); err != nil {
			return s, err
		}
	}
	return s, nil
}

type muon struct {
	Muon
	threads  Threads
	own      []Param // updated by Muon itself
	dearest  []Param // own, the longest updates first
	scratch  []muonScratch
	rest     *adamw
	lr, clip float32
	part     func(thread, i int)
}

// Step implements Optimizer.
func (s *muon) Step(lr, clip float32) {
	s.lr, s.clip = lr, clip
	s.rest.begin(lr, clip)
	s.threads.Team.Run(len(s.dearest)+len(s.rest.parts), s.part)
}

// updatePart updates one of Muon's own parameters, or a part of the rest.
func (s *muon) updatePart(thread, i int) {
	if i < len(s.dearest) {
		s.update(s.threads.Devices[thread], s.dearest[i], s.scratch[thread])
	} else {
		s.rest.part(thread, i-len(s.dearest))
	}
}

func (s *muon) update(dev compute.Device, p Param, scratch muonScratch) {
	scaleGrad(dev, p, s.clip)
	rows, cols := sides(p)
	u, n := p.state[0], p.Value.Len()
	dev.Axpby(u, p.Grad, 1, float32(s.Momentum))
	x := scratch.x.Slice(0, n)
	dev.Axpby(x, p.Grad, 1, 0)
	dev.Axpby(x, u, float32(s.Momentum), 1)
	dev.Scale(x, float32(1/(math.Sqrt(dev.SumSquares(x))+1e-7)))
	if !oneDimensional(p) {
		x = newtonSchulz(dev, x, scratch.next.Slice(0, n), scratch.a, scratch.b, rows, cols)
	}
	scale := .2 * math.Sqrt(float64(max(rows, cols)))
	if s.Scale == Spectral {
		scale = math.Sqrt(math.Max(1, float64(rows)/float64(cols)))
	}
	rate := s.lr * float32(p.LRFactor)
	dev.Axpby(p.Value, x, -rate*float32(scale), 1-rate*float32(p.Decay))
}

// newtonSchulz applies X <- aX + (bA + cA^2)X, A = X X^T, five times to x [rows, cols], over the smaller side. For a
// tall matrix A = X^T X multiplies from the right, which gives the same polynomial. It returns x or next, whichever
// holds the result.
func newtonSchulz(dev compute.Device, x, next, a, b compute.Buffer, rows, cols int) compute.Buffer {
	tall := rows > cols
	m := min(rows, cols)
	a, b = a.Slice(0, m*m), b.Slice(0, m*m)
	for range 5 {
		dev.Gram(a, x, m, max(rows, cols), tall)
		dev.Gram(b, a, m, m, false) // A is symmetric to the bit, so A A^T is A^2
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

// State implements Optimizer. The count is that of AdamW, which takes as many steps.
func (s *muon) State() State {
	state := s.rest.State()
	state.add(s.own, "momentum")
	return state
}
