// Package data provides token sources. A batch is a pure function of seed and step.
package data

import "github.com/outcrop-lab/outcrop/variant"

// Config is the sweep file's `data`.
type Config struct {
	variant.Slot[Settings]
}

// Settings are a source's parameters.
type Settings interface {
	Validate() error
	// Digest returns an identifier of the data that training would see (SHA-256, hex). A missing or damaged file is an
	// error that names its path.
	Digest() (string, error)
	// Open returns the source for sequences of context tokens.
	Open(context int) (Source, error)
}

// Class is the kind of a position in a batch.
type Class uint8

// The classes of a position, taken as a query. A source that does not distinguish them calls every position but a BOS
// Ordinary.
const (
	Ordinary Class = iota
	BOS
	Trigger // the next token is certain: the one before the trigger
)

// Batch holds n sequences of context tokens (Tokens), the token that follows each (Targets), and each position's class
// as a query (Class). All slices are [n*context], row-major.
type Batch struct {
	Tokens, Targets []int32
	Class           []Class
}

// Source yields batches. Training and held-out parts never overlap.
type Source interface {
	// Vocab returns the number of tokens, including a BOS if there is one.
	Vocab() int
	// Batch fills b with n training sequences for (seed, step), without allocating when b has room.
	Batch(b *Batch, seed uint64, step, n int)
	// HeldOut fills b with n held-out sequences. They depend only on the source and n, and the first m of n are the
	// same as HeldOut with m.
	HeldOut(b *Batch, n int)
	// Truth returns the true distribution of the token that follows an ordinary token, [Vocab], or nil if it is unknown.
	Truth(token int32) []float64
}
