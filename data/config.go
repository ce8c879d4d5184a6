// Package data provides token sources. A training batch is a pure function of the source, the seed and the step.
package data

import (
	"context"

	"github.com/outcrop-lab/outcrop/variant"
)

// Config is the data source, `data` in the sweep file.
type Config struct {
	variant.Slot[Settings]
}

// Settings holds the parameters of one kind of source. The errors of its methods are *variant.Error at one of the
// parameters; those about a file start with its path.
type Settings interface {
	// Validate checks the parameters. It opens no file.
	Validate() error
	// Survey says what the source is and what it costs. It reads each file once, piece by piece, and holds none of
	// them. It returns an error if Open(sequence) would, unless memory is lacking, and if ctx is cancelled.
	Survey(ctx context.Context, sequence int) (Survey, error)
	// Digest returns the digest of the survey.
	Digest() (string, error)
	// Open returns the source. Each of its sequences is that many tokens long.
	Open(sequence int) (Source, error)
}

// Survey is what planning needs to know of a source.
type Survey struct {
	Digest  string  // SHA-256, in hex, of the data that training would see
	Vocab   int     // number of tokens, including a BOS if there is one
	Truth   bool    // the source knows the true distribution of the next token
	Memory  float64 // bytes that each process holds while it has the source open, at most
	Seconds float64 // processor time until the first batch: checking the digest, and opening the source
	Files   []File  // the files that the tokens are read from, in this order
}

// File is what a survey found in one file.
type File struct {
	Path   string
	Tokens int
	Vocab  int // the largest token plus one; for the bytes of a text, 256
}

// Class says what kind of query a position in a batch is.
type Class uint8

// The classes of a position. A source that does not distinguish triggers gives the class Ordinary to every position but
// a BOS.
const (
	Ordinary Class = iota
	BOS
	Trigger // the next token is certain: a copy of the token before the trigger
)

// Batch holds n sequences, each of length context. Tokens are the inputs, Targets the token that follows each input,
// and Class the class of each position. All three slices are [n*context], row-major.
type Batch struct {
	Tokens, Targets []int32
	Class           []Class
}

// Source yields batches. Training and held-out sequences come from disjoint parts of the tokens or, in a generated
// task, from different random streams.
type Source interface {
	// Vocab returns the number of tokens, including a BOS if there is one.
	Vocab() int
	// Batch fills b with the n training sequences of the given seed and step. It does not allocate if b has the
	// capacity.
	Batch(b *Batch, seed uint64, step, n int)
	// HeldOut fills b with n held-out sequences, which depend only on the source and on n. For m < n, the first m of
	// them are the sequences that HeldOut gives for m.
	HeldOut(b *Batch, n int)
	// Label returns what a token stands for, for people: its text, escaped so that it holds no control character; BOS for
	// a BOS; and its number if the source has no text.
	Label(token int32) string
	// Length returns the number of bytes of text that a token stands for: 0 for a BOS, and if the source has no text.
	Length(token int32) int
	// Truth returns the true distribution, [Vocab], of the token that follows an ordinary token, or nil if this
	// distribution is unknown.
	Truth(token int32) []float64
}
