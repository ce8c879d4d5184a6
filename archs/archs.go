// Package archs builds decoder-only transformers as gorgonia graphs, with a variant per slot.
package archs

import "github.com/outcrop-lab/outcrop/variant"

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
