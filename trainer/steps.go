package trainer

import "github.com/outcrop-lab/outcrop/variant"

// Steps says at which steps to measure.
type Steps interface {
	Validate() error
	// At tells whether to measure after that many updates. The last step is always measured.
	At(step int) bool
}

var steps = variant.Registry[Steps]{
	"pythia": {New: func() Steps { return &Pythia{Then: 1000} }, Formula: "0, 1, 2, 4 … 512, and every multiple of `then` after that", Source: "2304.01373"},
	"steps":  {New: func() Steps { return &Every{N: 100} }, Formula: "0, n, 2n …", Source: "the usual"},
}

// Pythia measures at 0, 1, 2, 4 … 512 and at every multiple of Then after that (the checkpoints of arXiv 2304.01373).
type Pythia struct {
	Then int `json:"then" doc:"steps between two measurements after step 512"`
}

// Validate implements Steps.
func (p *Pythia) Validate() error {
	if p.Then < 1 {
		return variant.Errorf("then", "must be at least 1, is %d", p.Then)
	}
	return nil
}

// At implements Steps.
func (p *Pythia) At(step int) bool {
	if step <= 512 {
		return step&(step-1) == 0
	}
	return step%p.Then == 0
}

// Every measures at every multiple of N.
type Every struct {
	N int `json:"n" doc:"steps between two measurements"`
}

// Validate implements Steps.
func (e *Every) Validate() error {
	if e.N < 1 {
		return variant.Errorf("n", "must be at least 1, is %d", e.N)
	}
	return nil
}

// At implements Steps.
func (e *Every) At(step int) bool { return step%e.N == 0 }
