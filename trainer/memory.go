package trainer

import "github.com/outcrop-lab/outcrop/compute"

// Memory is what a run holds outside Go's heap, bytes, by part.
type Memory struct {
	Params    int
	Gradients int // of each slice, or of two that add theirs
	Optimizer int // its moments
	// Activations are those of the slices' graphs: what the backward pass reads, and what it passes on.
	Activations int
	Measuring   int // the graph of the probe batch; those of the held-out sequences lie where the slices' do
	Scratch     int // what the kernels of all devices keep for themselves
}

// Total is what all devices gave.
func (m Memory) Total() int {
	return m.Params + m.Gradients + m.Optimizer + m.Activations + m.Measuring + m.Scratch
}

// memory says how the devices' memory is used now; a graph takes most of its own at its first run.
func (t *training) memory() (m Memory) {
	given := func(d *compute.CPU) int {
		m.Scratch += d.Scratch()
		return d.Bytes() - d.Scratch()
	}
	m.Params = 4 * t.size()
	m.Optimizer = given(t.device) - m.Params
	for _, d := range t.beside {
		m.Optimizer += given(d)
	}
	for _, p := range t.params {
		m.Gradients += 4 * p.Grad.Len() * (1 + len(p.Further))
	}
	for _, s := range t.slices {
		m.Activations += given(s.device)
	}
	m.Activations -= m.Gradients
	m.Measuring = given(t.measuring.device)
	return m
}
