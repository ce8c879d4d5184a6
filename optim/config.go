// Package optim holds optimizers, schedules and clipping. It knows no gorgonia.
package optim

import (
	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/variant"
)

// Kind says what a parameter is, which decides who updates and who decays it.
type Kind string

// The kinds of parameter.
const (
	Matrix    Kind = "matrix"
	Vector    Kind = "vector"
	Scalar    Kind = "scalar"
	Embedding Kind = "embedding"
	Head      Kind = "head"
)

// Param is one parameter: its value and its gradient on a device. Weights are [out, in].
type Param struct {
	Name        string
	Layer       int // -1 outside the blocks
	Shape       []int
	Kind        Kind
	Value, Grad compute.Buffer
}

// Config is the sweep file's `optim`: a method with its own parameters beside the common keys.
type Config struct {
	variant.Slot[Method]
	LR          float64 `json:"lr"`
	WeightDecay float64 `json:"weight_decay"`
	// Clip is the largest global gradient norm; 0 does not clip.
	Clip float64 `json:"clip"`
}

// ScheduleConfig is the sweep file's `schedule`.
type ScheduleConfig struct {
	variant.Slot[Shape]
	// Warmup is the number of steps over which the rate rises linearly from 0.
	Warmup int `json:"warmup"`
}

// Method is an optimizer's settings; New makes its state for the parameters, in device memory.
type Method interface {
	Validate() error
	New(dev compute.Device, params []Param, weightDecay float64) Optimizer
}

// Optimizer updates parameters from their gradients.
type Optimizer interface {
	// Step does one update at this learning rate. It allocates nothing.
	Step(lr float32)
	// State lists the named buffers and the step count that a checkpoint must keep to go on bit for bit.
	State() State
}

// State is what an optimizer keeps between steps. Buffers share memory with the optimizer: a checkpoint is restored by
// uploading into them and setting *Count.
type State struct {
	Names   []string
	Buffers []compute.Buffer
	Count   *int
}

// Shape is the form of a schedule after its warm-up: the factor on the peak rate.
type Shape interface {
	Validate() error
	// Factor is in [0, 1] for step in [warmup, steps).
	Factor(step, warmup, steps int) float64
}
