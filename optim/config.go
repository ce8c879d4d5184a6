// Package optim holds optimizers, schedules, after-step rules and clipping. It does not depend on gorgonia.
package optim

import (
	"fmt"
	"math"

	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/variant"
)

// Kind is the kind of a parameter. It determines which method updates the parameter, and the factors on its learning
// rate and weight decay.
type Kind string

// The kinds of parameters.
const (
	Matrix    Kind = "matrix"
	Vector    Kind = "vector"
	Scalar    Kind = "scalar"
	Embedding Kind = "embedding"
	Head      Kind = "head"
)

// Param is one parameter, with its value and gradient on a device. Weights are [out, in]. An update may overwrite Grad.
type Param struct {
	Name        string
	Layer       int // number of the block, from 0; -1 outside the blocks
	Shape       []int
	Kind        Kind
	Value, Grad compute.Buffer
	// Further holds the gradients of a batch's other slices, which Gradient.Sum adds to Grad.
	Further []compute.Buffer
	// LRFactor multiplies the learning rate; Decay is the weight decay. Config.New sets both from the group of the
	// parameter's kind.
	LRFactor, Decay float64

	state []compute.Buffer // the optimizer's buffers, each as long as Value
}

// Config is the `optim` section of the sweep file: a method with its own keys, and the keys common to all methods.
type Config struct {
	variant.Slot[Method]
	LR          float64            `json:"lr" doc:"peak learning rate"`
	WeightDecay float64            `json:"weight_decay" doc:"decoupled, of matrices, embeddings and the head; adam, and sgd where coupled, add it to the gradient"`
	Clip        float64            `json:"clip" doc:"largest global gradient norm; 0 does not clip"`
	Groups      Groups             `json:"groups" doc:"factors on lr and weight_decay by kind of parameter"`
	AfterStep   variant.Slot[Rule] `json:"after_step" doc:"what is done to the weights after an update"`
}

// Groups holds a Group of factors for each kind of parameter.
type Groups struct {
	Matrix    Group `json:"matrix" doc:"matrices of the blocks and embed_proj"`
	Vector    Group `json:"vector" doc:"gains, biases and scalars"`
	Embedding Group `json:"embedding" doc:"token and position embeddings"`
	Head      Group `json:"head" doc:"the output head, where it is not tied"`
}

// Group holds the factors by which optim.lr and optim.weight_decay are multiplied for one kind of parameter.
type Group struct {
	LR          float64 `json:"lr_factor" doc:"multiplies optim.lr"`
	WeightDecay float64 `json:"weight_decay_factor" doc:"multiplies optim.weight_decay"`
}

// Method holds the settings of an optimizer.
type Method interface {
	Validate() error
	// Moments returns how many numbers the optimizer keeps in its State for each element of a parameter of kind k.
	Moments(k Kind) int
	// New returns an optimizer of the given parameters, with its state in device memory.
	New(threads Threads, params []Param) (Optimizer, error)
}

// Optimizer updates parameters from their gradients.
type Optimizer interface {
	// Step multiplies the gradients by clip (see ClipFactor) and performs one update at the learning rate lr. It allocates
	// nothing.
	Step(lr, clip float32)
	// State returns what a checkpoint must keep so that training resumes bit for bit: the named buffers and the step
	// count.
	State() State
}

// State is what an optimizer keeps between steps. Its buffers are the optimizer's own memory: to restore a checkpoint,
// upload into them and set *Count to the number of updates done.
type State struct {
	Names   []string
	Buffers []compute.Buffer
	Count   *int
}

// Default returns AdamW with a learning rate of 1e-3, a weight decay of .1 (but none on gains, biases and scalars), and
// gradients clipped to a norm of 1.
func Default() Config {
	usual := Group{LR: 1, WeightDecay: 1}
	return Config{
		Slot: variant.New("optimizer", optimizers, "adamw"), LR: 1e-3, WeightDecay: .1, Clip: 1,
		Groups:    Groups{Matrix: usual, Vector: Group{LR: 1}, Embedding: usual, Head: usual},
		AfterStep: variant.New("after-step rule", rules, "none"),
	}
}

// Validate checks the common keys and those of the after-step rule and the method.
func (c Config) Validate() error {
	for _, v := range []struct {
		key   string
		value float64
	}{
		{"lr", c.LR}, {"weight_decay", c.WeightDecay}, {"clip", c.Clip},
		{"groups.matrix.lr_factor", c.Groups.Matrix.LR}, {"groups.matrix.weight_decay_factor", c.Groups.Matrix.WeightDecay},
		{"groups.vector.lr_factor", c.Groups.Vector.LR}, {"groups.vector.weight_decay_factor", c.Groups.Vector.WeightDecay},
		{"groups.embedding.lr_factor", c.Groups.Embedding.LR},
		{"groups.embedding.weight_decay_factor", c.Groups.Embedding.WeightDecay},
		{"groups.head.lr_factor", c.Groups.Head.LR}, {"groups.head.weight_decay_factor", c.Groups.Head.WeightDecay},
	} {
		if !(v.value >= 0) || math.IsInf(v.value, 0) {
			return variant.Errorf(v.key, "must be a finite number of at least 0, is %v", v.value)
		}
	}
	if err := c.AfterStep.Value.Validate(); err != nil {
		return variant.Within("after_step", err)
	}
	return c.Value.Validate()
}

// Moments returns how many numbers the optimizer keeps in its State. The argument matrices is the number of elements in
// all matrices; tables is the number of elements in the embeddings and the head.
func (c Config) Moments(matrices, tables float64) float64 {
	return float64(c.Value.Moments(Matrix))*matrices + float64(c.Value.Moments(Embedding))*tables
}

// New returns an optimizer of the given parameters that applies the after-step rule after each update.
func (c Config) New(threads Threads, params []Param) (Optimizer, error) {
	grouped := make([]Param, len(params))
	for i, p := range params {
		g := c.Groups.of(p.Kind)
		p.LRFactor, p.Decay = g.LR, g.WeightDecay*c.WeightDecay
		grouped[i] = p
	}
	o, err := c.Value.New(threads, grouped)
	if err != nil {
		return nil, fmt.Errorf("optim: %w", err)
	}
	if after := c.AfterStep.Value.New(threads.Devices[0], grouped); after != nil {
		return &ruled{Optimizer: o, after: after, count: o.State().Count}, nil
	}
	return o, nil
}

func (g Groups) of(k Kind) Group {
	switch k {
	case Matrix:
		return g.Matrix
	case Vector, Scalar:
		return g.Vector
	case Embedding:
		return g.Embedding
	case Head:
		return g.Head
	}
	panic("optim: no group for the kind " + string(k))
}

// ruled is an optimizer with a rule that runs after each step.
type ruled struct {
	Optimizer
	after func(updates int)
	count *int
}

// Step implements Optimizer.
func (r *ruled) Step(lr, clip float32) {
	r.Optimizer.Step(lr, clip)
	r.after(*r.count)
}
