// Package archs builds decoder-only transformers as gorgonia graphs, with a variant per slot.
package archs

import (
	"math"
	"strconv"

	"github.com/outcrop-lab/outcrop/variant"
)

// Config is an architecture: sizes, and a variant per slot. Keys are those of the sweep file, below `arch`.
type Config struct {
	Layers  int `json:"layers"`
	Width   int `json:"width"`
	Heads   int `json:"heads"`
	Context int `json:"context"`
	// Vocab is the number of tokens; 0 takes the data source's.
	Vocab     int                     `json:"vocab"`
	Norm      variant.Slot[Norm]      `json:"norm"`
	Attention variant.Slot[Attention] `json:"attention"`
	KVBias    variant.Slot[KVBias]    `json:"kv_bias"`
	Gate      variant.Slot[Gate]      `json:"gate"`
	MLP       variant.Slot[MLP]       `json:"mlp"`
	Position  variant.Slot[Position]  `json:"position"`
	// Tied makes the head the transpose of the embedding.
	Tied bool `json:"tied"`
	// EmbedProj adds OSP's two width x width projections, after the embedding and before the head (arXiv 2506.19697).
	EmbedProj bool `json:"embed_proj"`
	Init      Init `json:"init"`
}

// Init is the seeded initialisation: weights are drawn from N(0, Std^2), gains are 1.
type Init struct {
	Std float64 `json:"std"`
}

// Default is the architecture that an empty `arch` means.
func Default() Config {
	return Config{
		Layers:    2,
		Width:     64,
		Heads:     2,
		Context:   64,
		Norm:      variant.New("norm", norms, "rmsnorm"),
		Attention: variant.New("attention", attentions, "softmax"),
		KVBias:    variant.New("kv_bias", kvBiases, "none"),
		Gate:      variant.New("gate", gates, "none"),
		MLP:       variant.New("mlp", mlps, "gelu"),
		Position:  variant.New("position", positions, "rope"),
		Init:      Init{Std: 0.02},
	}
}

// Validate returns a *variant.Error at the key at fault, below `arch`. A vocabulary of 0 is not yet known and passes.
func (c Config) Validate() error {
	for _, size := range []struct {
		key   string
		value int
	}{{"layers", c.Layers}, {"width", c.Width}, {"heads", c.Heads}, {"context", c.Context}} {
		if size.value < 1 {
			return variant.Errorf("arch."+size.key, "must be at least 1, is %d", size.value)
		}
	}
	switch {
	case c.Vocab < 0:
		return variant.Errorf("arch.vocab", "must not be negative, is %d; 0 takes the data source's", c.Vocab)
	case c.Width%c.Heads != 0:
		return variant.Errorf("arch.heads", "must divide arch.width (%d), is %d; try %d", c.Width, c.Heads, c.nearestHeads())
	case !(c.Init.Std > 0) || math.IsInf(c.Init.Std, 0):
		return variant.Errorf("arch.init.std", "must be a positive number, is %v", strconv.FormatFloat(c.Init.Std, 'g', -1, 64))
	}
	for _, slot := range []struct {
		key      string
		validate func(Config) error
	}{
		{"norm", c.Norm.Value.Validate}, {"attention", c.Attention.Value.Validate}, {"kv_bias", c.KVBias.Value.Validate},
		{"gate", c.Gate.Value.Validate}, {"mlp", c.MLP.Value.Validate}, {"position", c.Position.Value.Validate},
	} {
		if err := slot.validate(c); err != nil {
			return variant.Within("arch."+slot.key, err)
		}
	}
	return nil
}

// nearestHeads is the largest divisor of the width that is at most the number of heads asked for.
func (c Config) nearestHeads() int {
	heads := min(c.Heads, c.Width)
	for c.Width%heads != 0 {
		heads--
	}
	return heads
}

// parameterless is embedded in variants that have no settings to check.
type parameterless struct{}

// Validate implements the slot's interface.
func (parameterless) Validate(Config) error { return nil }
