// Package rng provides random numbers that are a pure function of seed, purpose, name and step.
package rng

import (
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
)

// Stream names a sequence of random numbers. It is a plain value: two equal streams give equal numbers.
type Stream struct {
	seed uint64
	path string
	step int
}

// New returns the stream of a seed for a purpose, such as "init" or "data".
func New(seed uint64, purpose string) Stream { return Stream{seed: seed, path: purpose} }

// Named returns the sub-stream of a name, such as a parameter's.
func (s Stream) Named(name string) Stream {
	s.path += "\x00" + name
	return s
}

// At returns the sub-stream of a step.
func (s Stream) At(step int) Stream {
	s.step = step
	return s
}

// Rand is a generator that Reset moves to the start of any stream without allocating. Its numbers come from ChaCha8
// keyed with the SHA-256 of the stream's seed, step and path.
type Rand struct {
	source rand.ChaCha8
	*rand.Rand
	key [512]byte
}

// Rand returns a generator at the start of the stream.
func (s Stream) Rand() *Rand {
	r := &Rand{}
	r.Rand = rand.New(&r.source)
	r.Reset(s)
	return r
}

// Reset sets r to the start of the stream.
func (r *Rand) Reset(s Stream) {
	key := binary.LittleEndian.AppendUint64(r.key[:0], s.seed)
	key = binary.LittleEndian.AppendUint64(key, uint64(s.step))
	key = append(key, s.path...)
	r.source.Seed(sha256.Sum256(key))
}
