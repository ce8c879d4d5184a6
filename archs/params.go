package archs

import (
	"fmt"

	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/rng"
)

// Param describes one parameter tensor.
type Param struct {
	Name  string
	Layer int   // the block, counted from 0; -1 outside the blocks
	Shape []int // [out, in] for a weight matrix
	Kind  string
	draw  draw
	// residual marks a matrix whose product is added to the stream.
	residual bool
}

// Size returns the number of elements of the parameter.
func (p Param) Size() int {
	size := 1
	for _, n := range p.Shape {
		size *= n
	}
	return size
}

// Params returns the parameters of c in their order in memory, without building a graph. It returns an error if c.Vocab
// is 0.
func Params(c Config) ([]Param, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	b := newBuilder(c)
	b.model()
	return b.params, nil
}

// Weights holds all parameters of a run in one allocation on a device.
type Weights struct {
	params []Param
	arena  compute.Buffer
	start  []int // offset of each parameter in the arena, and the arena's length
	index  map[string]int
}

// NewWeights allocates the parameters of c on dev. It draws each parameter from the stream that r derives from the
// parameter's name, so that a parameter gets the same random numbers in all architectures in which it has the same
// shape.
func NewWeights(c Config, dev compute.Device, r rng.Stream) (*Weights, error) {
	w, err := newWeights(c, dev)
	if err != nil {
		return nil, err
	}
	for i, p := range w.params {
		values := make([]float32, p.Size())
		p.draw(values, p, c, r.Named(p.Name))
		dev.Upload(w.Value(i), values)
	}
	return w, nil
}

// newWeights allocates the parameters, all 0.
func newWeights(c Config, dev compute.Device) (*Weights, error) {
	params, err := Params(c)
	if err != nil {
		return nil, err
	}
	w := &Weights{params: params, start: []int{0}, index: make(map[string]int)}
	for i, p := range params {
		w.start = append(w.start, w.start[i]+p.Size())
		w.index[p.Name] = i
	}
	if w.arena, err = dev.Alloc(w.start[len(params)]); err != nil {
		return nil, fmt.Errorf("archs: %w", err)
	}
	return w, nil
}

// Params returns the parameters in the order of the package's function Params.
func (w *Weights) Params() []Param { return w.params }

// Value returns the memory of the i-th parameter, counted from 0.
func (w *Weights) Value(i int) compute.Buffer { return w.span(i, 1) }

// span returns the memory of n parameters from the i-th on.
func (w *Weights) span(i, n int) compute.Buffer { return w.arena.Slice(w.start[i], w.start[i+n]) }

// complete validates the configuration, and requires a known vocabulary.
func (c Config) complete() error {
	if err := c.Validate(); err != nil {
		return err
	}
	if c.Vocab == 0 {
		return fmt.Errorf("archs: the size of the vocabulary is not known")
	}
	return nil
}
