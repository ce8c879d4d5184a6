package optim

import (
	"slices"

	"github.com/outcrop-lab/outcrop/compute"
)

// Threads is what an optimizer runs on: a team, and one device for each thread of the team. The optimizer's state is in
// the memory of the first device. The number of threads affects only the time that an update takes.
type Threads struct {
	Team    *compute.Team
	Devices []compute.Device
}

// partLen is the number of elements in a part. It is small enough that what a thread has written is still in its
// second-level cache when it reads it again, and large enough that memory is read in long runs.
const partLen = 16384

// cut lays the parameters end to end and cuts them into parts of partLen elements; the last may be shorter. A part is a
// list of pieces of parameters.
func cut(params []Param) (parts [][]Param) {
	room := 0
	for _, p := range params {
		for from, to := 0, 0; from < p.Value.Len(); from = to {
			if room == 0 {
				parts, room = append(parts, nil), partLen
			}
			to = min(from+room, p.Value.Len())
			room -= to - from
			last := &parts[len(parts)-1]
			*last = append(*last, p.piece(from, to))
		}
	}
	return parts
}

// piece returns the elements [from, to) of a parameter.
func (p Param) piece(from, to int) Param {
	p.Value, p.Grad = p.Value.Slice(from, to), p.Grad.Slice(from, to)
	p.Further, p.state = slices.Clone(p.Further), slices.Clone(p.state)
	for _, buffers := range [][]compute.Buffer{p.Further, p.state} {
		for i, b := range buffers {
			buffers[i] = b.Slice(from, to)
		}
	}
	return p
}

// withState returns the parameters with that many zeroed state buffers each, as long as the parameter.
func withState(dev compute.Device, params []Param, buffers int) ([]Param, error) {
	params = slices.Clone(params)
	for i, p := range params {
		params[i].state = nil
		for range buffers {
			b, err := dev.Alloc(p.Value.Len())
			if err != nil {
				return nil, err
			}
			params[i].state = append(params[i].state, b)
		}
	}
	return params, nil
}

// add appends the state of parameters. A buffer's name is its parameter's name, a dot and its own.
func (s *State) add(params []Param, names ...string) {
	for _, p := range params {
		for i, b := range p.state {
			s.Names = append(s.Names, p.Name+"."+names[i])
			s.Buffers = append(s.Buffers, b)
		}
	}
}
