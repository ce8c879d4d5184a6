package trainer

import "github.com/outcrop-lab/outcrop/compute"

// Memory is a run's memory outside Go's heap, by part. All fields are in bytes, whole numbers of a type in which a
// forecast cannot overflow.
type Memory struct {
	Params    float64
	Gradients float64 // one set per slice; two slices of a pair share their matrix gradients
	Optimizer float64 // the moments that the optimizer keeps
	// Activations is the memory of the slices' graphs: the values that the backward pass reads and the gradients that
	// it passes on.
	Activations float64
	Measuring   float64 // the graph of the probe batch; the held-out graphs share the slices' memory
	Scratch     float64 // the scratch memory of all devices' kernels
}

// Total returns the sum of all parts.
func (m Memory) Total() float64 {
	return m.Params + m.Gradients + m.Optimizer + m.Activations + m.Measuring + m.Scratch
}

// memory returns the present use of the devices' memory. A graph allocates most of its memory at its first run.
func (t *training) memory() (m Memory) {
	given := func(d *compute.CPU) float64 {
		m.Scratch += float64(d.Scratch())
		return float64(d.Bytes() - d.Scratch())
	}
	m.Params = float64(4 * t.size())
	m.Optimizer = given(t.device) - m.Params
	for _, d := range t.beside {
		m.Optimizer += given(d)
	}
	for _, p := range t.params {
		m.Gradients += float64(4 * p.Grad.Len() * (1 + len(p.Further)))
	}
	for _, s := range t.slices {
		m.Activations += given(s.device)
	}
	m.Activations -= m.Gradients
	m.Measuring = given(t.measuring.device)
	return m
}
