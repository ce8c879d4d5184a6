package data

import (
	"fmt"
	"slices"

	"github.com/outcrop-lab/outcrop/rng"
	"github.com/outcrop-lab/outcrop/variant"
)

var sources = variant.Registry[Settings]{
	"backcopy": {
		New:     func() Settings { return &Backcopy{Vocab: 64, Triggers: 3} },
		Formula: "x_0 = BOS; after a trigger x_{t+1} = x_{t-1}, else x_{t+1} ~ P(.|x_t)",
		Source:  "2410.13835",
	},
	"bin": {New: func() Settings { return &Bin{Dtype: "uint16"} },
		Formula: "windows of token shards; with bos, each starts with a BOS",
		Source:  "the formats of nanoGPT, llm.c and Megatron"},
	"text": {New: func() Settings {
		return &Text{Path: variant.PathOr(Texts()...), Tokenizer: variant.PathOr(Tokenizers()...), BOS: true}
	}, Formula: "BOS (unless bos is false), then a window of a text's tokens, or of its bytes", Source: "common practice"},
}

// Default returns the bigram-backcopy task, which needs no file.
func Default() Config { return Config{Slot: variant.New("data source", sources, "backcopy")} }

// resize sets the length to n positions, without allocating if the capacity suffices.
func (b *Batch) resize(n int) {
	b.Tokens = slices.Grow(b.Tokens[:0], n)[:n]
	b.Targets = slices.Grow(b.Targets[:0], n)[:n]
	b.Class = slices.Grow(b.Class[:0], n)[:n]
}

// Training and held-out sequences are drawn from streams of different purposes, so that no training batch uses the
// held-out stream.
const (
	heldOutSeed    = 0
	heldOutPurpose = "heldout"
	trainPurpose   = "data"
)

// heldOutStream returns the stream of one held-out sequence; it does not depend on the run's seed.
func heldOutStream(sequence int) rng.Stream { return rng.New(heldOutSeed, heldOutPurpose).At(sequence) }

// kindOf returns the name of a source of windows for its digest. The name includes the BOS setting only if that differs
// from the source's default, so that digests made before the setting existed stay valid.
func kindOf(name string, bos, usual bool) string {
	if bos == usual {
		return name
	}
	return fmt.Sprintf("%s bos=%v", name, bos)
}
