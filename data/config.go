// Package data holds token sources. A batch is a pure function of seed and step.
package data

import "github.com/outcrop-lab/outcrop/variant"

// Config is the sweep file's `data`.
type Config struct {
	variant.Slot[Settings]
}

// Settings are a source's parameters.
type Settings interface {
	Validate() error
	// Digest identifies the data that training would see (SHA-256, hex). A missing or damaged file is an error that
	// names its path.
	Digest() (string, error)
	// Open returns the source for sequences of context tokens.
	Open(context int) (Source, error)
}

// Class says what a position of a batch is.
type Class uint8

// The classes of position, as a query. Where a source does not tell, all positions but a BOS are Ordinary.
const (
	Ordinary Class = iota
	BOS
	Trigger // the next token is certain: the one before the trigger
)

// Batch is n sequences of context tokens and the token that follows each. All slices are [n*context], row-major.
// Class speaks of the token at a position, as a query.
type Batch struct {
	Tokens, Targets []int32
	Class           []Class
}

// Source yields batches. Training and held-out parts never overlap.
type Source interface {
	Vocab() int
	// Batch fills b with n training sequences for (seed, step), without allocating when b has room.
	Batch(b *Batch, seed uint64, step, n int)
	// HeldOut fills b with n held-out sequences; they depend on nothing but the source and n, and the first m of n are
	// the same as HeldOut with m.
	HeldOut(b *Batch, n int)
	// Truth is the true distribution of the token after an ordinary token, of length Vocab, or nil where unknown.
	Truth(token int32) []float64
}
