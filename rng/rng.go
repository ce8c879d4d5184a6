// Package rng provides random numbers that depend only on a seed, a purpose, names and a step.
package rng

import (
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
)

// Stream identifies a sequence of random numbers. It is a plain value, and two equal streams give the same numbers.
type Stream struct {
	seed uint64
	path string
	step int
}

// New returns the stream of a seed for a purpose, such as "init" or "data".
func New(seed uint64, purpose string) Stream { return Stream{seed: seed, path: purpose} }

// Named returns the sub-stream of s for a name, such as the name of a parameter.
func (s Stream) Named(name string) Stream {
	s.path += "\x00" + name
	return s
}

// At returns the stream of s for a step. It replaces a step that was set before.
func (s Stream) At(step int) Stream {
	s.step = step
	return s
}

// Rand is a generator. Its method Reset moves it to the start of any stream. The numbers come from ChaCha8, keyed with
// the SHA-256 of the stream's seed, step, purpose and names.
type Rand struct {
	source rand.ChaCha8
	*rand.Rand
	key [512]byte
}

// Rand returns a new generator at the start of the stream.
func (s Stream) Rand() *Rand {
	r := &Rand{}
	r.Rand = rand.New(&r.source)
	r.Reset(s)
	return r
}

// Reset moves r to the start of the stream s. It does not allocate memory unless the purpose and names together take
// more than about 490 bytes.
func (r *Rand) Reset(s Stream) {
	key := binary.LittleEndian.AppendUint64(r.key[:0], s.seed)
	key = binary.LittleEndian.AppendUint64(key, uint64(s.step))
	key = append(key, s.path...)
	r.source.Seed(sha256.Sum256(key))
}
