package plan

import (
	"fmt"
	"math"

	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/trainer"
	"github.com/outcrop-lab/outcrop/variant"
)

// addressable is the memory that a process can address on x86-64 and arm64, in bytes. No machine trains a run that
// takes more.
const addressable = 1 << 47

// Room is an amount of memory that a run must fit into, or of disk space.
type Room struct {
	Bytes float64
	Name  string // what it is, so that "24 GB is what NAME" makes sense: "a process can address"
}

// Fit returns a *settings.InputError that says, for each run that surely takes more memory than there is, which setting
// makes it so large and where the sweep sets it. It returns nil if every run may fit.
func (r Room) Fit(planned []Planned) error {
	var faults []settings.Fault
	for _, p := range planned {
		if err := p.within(r); err != nil {
			faults = append(faults, p.arm.Locate(p.file, err))
		}
	}
	return settings.Refuse(faults...)
}

// within returns a *variant.Error if the run takes more memory than there is.
func (p Planned) within(r Room) error {
	takes := least(p)
	if takes <= r.Bytes {
		return nil
	}
	key, value := p.largest()
	return variant.Errorf(key, "%d makes a run of at least %s of memory, more than the %s that %s: lower it", value,
		Bytes(takes), Bytes(r.Bytes), r.Name)
}

// least returns how many bytes of memory a run's worker takes at the least. Memory is an upper bound; of its parts,
// parameters, gradients and moments are exact, and a run holds more than half of the others.
func least(p Planned) float64 {
	m := Parts(p)
	exact := m.Params + m.Gradients + m.Optimizer
	return math.Round(exact + (m.Total()-exact+p.Data.Memory)/2)
}

// sizes are the settings that a run's memory follows from.
var sizes = []struct {
	key string
	of  func(*trainer.Config) *int
}{
	{"arch.width", func(c *trainer.Config) *int { return &c.Arch.Width }},
	{"arch.layers", func(c *trainer.Config) *int { return &c.Arch.Layers }},
	{"arch.heads", func(c *trainer.Config) *int { return &c.Arch.Heads }},
	{"arch.context", func(c *trainer.Config) *int { return &c.Arch.Context }},
	{"arch.vocab", func(c *trainer.Config) *int { return &c.Arch.Vocab }},
	{"arch.registers", func(c *trainer.Config) *int { return &c.Arch.Registers }},
	{"train.batch", func(c *trainer.Config) *int { return &c.Train.Batch }},
	{"train.slices", func(c *trainer.Config) *int { return &c.Train.Slices }},
	{"probe.sequences", func(c *trainer.Config) *int { return &c.Probe.Sequences }},
	{"probe.heldout", func(c *trainer.Config) *int { return &c.Probe.HeldOut }},
}

// largest returns the setting that makes the run large, with its value: the one whose default would save the most
// memory.
func (p Planned) largest() (key string, value int) {
	usual, least := trainer.Default(), math.Inf(1)
	for _, size := range sizes {
		one := p
		c := &one.Config
		*size.of(c) = *size.of(&usual)
		if c.Arch.Width%c.Arch.Heads != 0 {
			c.Arch.Heads, c.Arch.KVHeads = usual.Arch.Heads, usual.Arch.KVHeads
		}
		if one.Vocab = c.Arch.Vocab; one.Vocab == 0 {
			one.Vocab = p.Data.Vocab
		}
		arch := c.Arch
		arch.Vocab = one.Vocab
		var err error
		if one.shape, err = shapeFrom(arch); err != nil {
			continue // the other settings do not go with the default
		}
		if takes := Memory(one); takes < least {
			key, value, least = size.key, *size.of(&p.Config), takes
		}
	}
	return key, value
}

// Bytes formats a number of bytes in the unit that suits it.
func Bytes(x float64) string {
	switch {
	case x >= 1e18:
		return fmt.Sprintf("%.3g EB", x/1e18)
	case x >= 1e15:
		return fmt.Sprintf("%.1f PB", x/1e15)
	case x >= 1e12:
		return fmt.Sprintf("%.1f TB", x/1e12)
	case x >= 1e9:
		return fmt.Sprintf("%.1f GB", x/1e9)
	case x >= 1e6:
		return fmt.Sprintf("%.0f MB", x/1e6)
	}
	return fmt.Sprintf("%.0f kB", x/1e3)
}

// Remarks returns what of a plan is allowed but seldom meant, at its place in the sweep's file, each once: schedules of
// the rate and of measurements that do not fit into their runs' steps.
func Remarks(planned []Planned) (remarks []settings.Fault) {
	seen := map[settings.Fault]bool{}
	for _, p := range planned {
		for _, err := range p.Config.Remarks() {
			f := p.arm.Locate(p.file, err)
			if at := (settings.Fault{File: f.File, Line: f.Line, Column: f.Column, Key: f.Key, Message: f.Message}); !seen[at] {
				seen[at] = true
				remarks = append(remarks, f)
			}
		}
	}
	return remarks
}
