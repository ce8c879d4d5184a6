package trainer

import (
	"math"
	"math/bits"

	"github.com/outcrop-lab/outcrop/variant"
)

// Steps says at which steps to measure.
type Steps interface {
	Validate() error
	// At reports whether to measure after the given number of updates. Run measures the last step in any case.
	At(step int) bool
	// Until returns how many steps, from 0 to step, At holds for. Its time does not grow with step.
	Until(step int) int
}

var steps = variant.Registry[Steps]{
	"log": {New: func() Steps { return &Log{PerDecade: 20} },
		Formula: "0 and round(10^(i/per_decade))", Source: "own"},
	"pythia": {New: func() Steps { return &Pythia{Then: 1000} },
		Formula: "0, 1, 2, 4 … 512, then every multiple of then", Source: "2304.01373"},
	"steps": {New: func() Steps { return &Every{N: 100} },
		Formula: "every multiple of n", Source: "own"},
}

// Pythia measures at steps 0, 1, 2, 4 … 512 and, after step 512, at every multiple of Then (with Then = 1000, the
// checkpoints of arXiv 2304.01373).
type Pythia struct {
	Then int `json:"then" max:"2^53" doc:"steps between measurements after step 512"`
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

// Until implements Steps.
func (p *Pythia) Until(step int) int {
	if step <= 512 {
		return 1 + bits.Len(uint(step)) // step 0, and one step for each binary digit
	}
	return 1 + bits.Len(512) + step/p.Then - 512/p.Then
}

// Every measures at every multiple of N.
type Every struct {
	N int `json:"n" max:"2^53" doc:"steps between measurements"`
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

// Until implements Steps.
func (e *Every) Until(step int) int { return 1 + step/e.N }

// Log measures at step 0 and at steps spread evenly on a log scale: round(10^(i/PerDecade)) for i = 0, 1, 2 …. A step
// that results from more than one i is measured only once.
type Log struct {
	PerDecade int `json:"per_decade" max:"2^10" doc:"measurements for each factor of ten"`
}

// Validate implements Steps.
func (l *Log) Validate() error {
	if l.PerDecade < 1 {
		return variant.Errorf("per_decade", "must be at least 1, is %d", l.PerDecade)
	}
	return nil
}

// At implements Steps.
func (l *Log) At(step int) bool {
	if step == 0 {
		return true
	}
	// Find the nearest i and see whether it rounds to this step. i - 1 and i + 1 allow for the rounding of the logarithm.
	near := math.Round(float64(l.PerDecade) * math.Log10(float64(step)))
	for i := max(0, near-1); i <= near+1; i++ {
		if l.step(i) == float64(step) {
			return true
		}
	}
	return false
}

// step returns the step of index i.
func (l *Log) step(i float64) float64 { return math.Round(math.Pow(10, i/float64(l.PerDecade))) }

// Until implements Steps. It counts the indices up to step, but of the first ones, which lie less than 1 apart, only
// those with a step of their own.
func (l *Log) Until(step int) int {
	if step == 0 {
		return 1
	}
	n := float64(l.PerDecade)
	last := math.Floor(n * math.Log10(float64(step)))
	for l.step(last+1) <= float64(step) { // it rounds down to step
		last++
	}
	for l.step(last) > float64(step) {
		last--
	}
	apart := 1 / (math.Pow(10, 1/n) - 1) // from this step on, indices lie 1 apart or more
	crowded := min(last, math.Ceil(n*math.Log10(apart+1)))
	own := 2 // step 0, and index 0
	for i := 1.; i <= crowded; i++ {
		if l.step(i) != l.step(i-1) {
			own++
		}
	}
	return own + int(last-crowded)
}
