// Package archs builds decoder-only transformers as gorgonia graphs, with one variant per slot.
package archs

import (
	"math"
	"strconv"

	"github.com/outcrop-lab/outcrop/variant"
)

// Config is an architecture: its sizes, and one variant per slot. Its keys in the sweep file are those below `arch`.
type Config struct {
	Layers        int                     `json:"layers" max:"2^16" doc:"blocks"`
	Width         int                     `json:"width" max:"2^20" doc:"of the residual stream, channels"`
	Heads         int                     `json:"heads" max:"2^20" doc:"of attention, a divisor of width"`
	KVHeads       int                     `json:"kv_heads" max:"2^20" doc:"heads of keys and values, each read by heads/kv_heads heads of queries (arXiv 2305.13245); 0 is as many as heads"`
	Context       int                     `json:"context" max:"2^24" doc:"tokens a sequence"`
	Vocab         int                     `json:"vocab" max:"2^24" doc:"tokens; 0 takes the data source's number"`
	Registers     int                     `json:"registers" max:"2^16" doc:"learned vectors before the sequence, of which no output and no loss is taken (arXiv 2309.16588)"`
	Norm          variant.Slot[Norm]      `json:"norm" doc:"of the stream, before each sub-layer"`
	NormPlacement variant.Slot[Placement] `json:"norm_placement" doc:"where the norm stands"`
	// QKNorm uses RMSNorm, with one gain per channel of a head; arXiv 2302.05442 uses LayerNorm.
	QKNorm    bool                   `json:"qk_norm" doc:"RMSNorm of the queries and keys of each head, before RoPE (arXiv 2302.05442)"`
	Attention AttentionConfig        `json:"attention" doc:"how scores become weights"`
	KVBias    variant.Slot[KVBias]   `json:"kv_bias" doc:"a learned key and value that every query sees"`
	Gate      variant.Slot[Gate]     `json:"gate" doc:"scales what one place of attention gives"`
	MLP       MLPConfig              `json:"mlp" doc:"the feed-forward sub-layer"`
	Position  variant.Slot[Position] `json:"position" doc:"how the model knows positions"`
	Block     variant.Slot[Block]    `json:"block" doc:"how attention and MLP stand in a block"`
	Tied      bool                   `json:"tied" doc:"the head is the transpose of the embedding"`
	EmbedProj bool                   `json:"embed_proj" doc:"OSP's two width x width projections, after the embedding and before the head (arXiv 2506.19697)"`
	Init      Init                   `json:"init" doc:"seeded initialisation; gains begin at 1, biases at 0"`
}

// AttentionConfig holds the settings under `arch.attention` in the sweep file.
type AttentionConfig struct {
	variant.Slot[Attention]
	Biases bool `json:"biases" doc:"one for each of the four projections"`
}

// MLPConfig holds the settings under `arch.mlp` in the sweep file.
type MLPConfig struct {
	variant.Slot[MLP]
	Biases bool `json:"biases" doc:"one for each projection"`
}

// Init says how the weights are initialised from the seed; it is `arch.init` in the sweep file. Gains start at 1 and
// biases at 0.
type Init struct {
	variant.Slot[Initialiser]
	Std float64 `json:"std" doc:"standard deviation of what is drawn from a Gaussian"`
}

// Default returns the architecture of a sweep file whose `arch` is empty.
func Default() Config {
	return Config{
		Layers:        2,
		Width:         64,
		Heads:         2,
		Context:       64,
		Norm:          variant.New("norm", norms, "rmsnorm"),
		NormPlacement: variant.New("norm placement", placements, "pre"),
		Attention:     AttentionConfig{Slot: variant.New("attention", attentions, "softmax")},
		KVBias:        variant.New("kv_bias", kvBiases, "none"),
		Gate:          variant.New("gate", gates, "none"),
		MLP:           MLPConfig{Slot: variant.New("mlp", mlps, "gelu")},
		Position:      variant.New("position", positions, "rope"),
		Block:         variant.New("block", blocks, "sequential"),
		Init:          Init{Slot: variant.New("init", initialisers, "normal"), Std: 0.02},
	}
}

// Validate returns a *variant.Error that names the faulty key below `arch`, or nil. A Vocab of 0 is valid: it means
// that the size of the vocabulary is not known yet.
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
	case c.Registers < 0:
		return variant.Errorf("arch.registers", "must not be negative, is %d", c.Registers)
	case c.Width%c.Heads != 0:
		return variant.Errorf("arch.heads", "must divide arch.width (%d), is %d; try %d", c.Width, c.Heads,
			divisor(c.Width, c.Heads))
	case c.KVHeads < 0:
		return variant.Errorf("arch.kv_heads", "must not be negative, is %d; 0 is as many as arch.heads", c.KVHeads)
	case c.Heads%c.kvHeads() != 0:
		return variant.Errorf("arch.kv_heads", "must divide arch.heads (%d), is %d; try %d", c.Heads, c.KVHeads,
			divisor(c.Heads, c.KVHeads))
	case !(c.Init.Std > 0) || math.IsInf(c.Init.Std, 0):
		return variant.Errorf("arch.init.std", "must be a positive number, is %v",
			strconv.FormatFloat(c.Init.Std, 'g', -1, 64))
	}
	for _, slot := range []struct {
		key      string
		params   any
		validate func(Config) error
	}{
		{"norm", c.Norm.Value, c.Norm.Value.Validate},
		{"norm_placement", c.NormPlacement.Value, c.NormPlacement.Value.Validate},
		{"attention", c.Attention.Value, c.Attention.Value.Validate},
		{"kv_bias", c.KVBias.Value, c.KVBias.Value.Validate},
		{"mlp", c.MLP.Value, c.MLP.Value.Validate},
		{"gate", c.Gate.Value, c.Gate.Value.Validate},
		{"position", c.Position.Value, c.Position.Value.Validate},
		{"block", c.Block.Value, c.Block.Value.Validate},
		{"init", c.Init.Value, c.Init.Value.Validate},
	} {
		err := variant.CheckEnums(slot.params)
		if err == nil {
			err = slot.validate(c)
		}
		if err != nil {
			return variant.Within("arch."+slot.key, err)
		}
	}
	return nil
}

// divisor returns the largest divisor of n that is at most asked.
func divisor(n, asked int) int {
	d := min(asked, n)
	for n%d != 0 {
		d--
	}
	return d
}

func (c Config) kvHeads() int {
	if c.KVHeads == 0 {
		return c.Heads
	}
	return c.KVHeads
}

// headWidth returns the number of channels of a head.
func (c Config) headWidth() int { return c.Width / c.Heads }

// positions returns how many positions attention sees: the registers and the sequence.
func (c Config) positions() int { return c.Registers + c.Context }

// parameterless is embedded in variants without settings to check.
type parameterless struct{}

// Validate implements the slot's interface.
func (parameterless) Validate(Config) error { return nil }
