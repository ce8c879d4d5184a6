package optim

import "github.com/outcrop-lab/outcrop/compute"

// elementwise is an optimizer that updates each element from its own gradient and state.
type elementwise struct {
	threads  Threads
	params   []Param
	parts    [][]Param
	names    []string // of the state buffers
	update   func(dev compute.Device, p Param, lr float32)
	lr, clip float32
	count    int
	part     func(thread, i int)
}

// newElementwise allocates a buffer of each name for each parameter. The caller sets update, which updates a piece of a
// parameter from its clipped gradient, at the learning rate of the parameter's group.
func newElementwise(threads Threads, params []Param, names ...string) (*elementwise, error) {
	params, err := withState(threads.Devices[0], params, len(names))
	if err != nil {
		return nil, err
	}
	e := &elementwise{threads: threads, params: params, parts: cut(params), names: names}
	e.part = e.updatePart
	return e, nil
}

// Step implements Optimizer.
func (e *elementwise) Step(lr, clip float32) {
	e.begin(lr, clip)
	e.threads.Team.Run(len(e.parts), e.part)
}

func (e *elementwise) begin(lr, clip float32) {
	e.count++
	e.lr, e.clip = lr, clip
}

func (e *elementwise) updatePart(thread, i int) {
	dev := e.threads.Devices[thread]
	for _, p := range e.parts[i] {
		scaleGrad(dev, p, e.clip)
		e.update(dev, p, e.lr*float32(p.LRFactor))
	}
}

// State implements Optimizer.
func (e *elementwise) State() State {
	s := State{Count: &e.count}
	s.add(e.params, e.names...)
	return s
}

// scaleGrad multiplies the gradient by a clip factor.
func scaleGrad(dev compute.Device, p Param, clip float32) {
	if clip != 1 {
		dev.Scale(p.Grad, clip)
	}
}
