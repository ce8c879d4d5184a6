package data

import (
	"context"
	"encoding/binary"
	"fmt"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/outcrop-lab/outcrop/count"
	"github.com/outcrop-lab/outcrop/rng"
	"github.com/outcrop-lab/outcrop/tokenizer"
	"github.com/outcrop-lab/outcrop/variant"
)

// corpus is the tokens of one or more files, one after the other, in the numbers of bytes that the files take for them.
// Its last tenth is held out.
type corpus struct {
	from  []origin
	kind  string // see walk
	width int    // bytes per token, little-endian: 1, 2 or 4
	vocab int    // number of tokens without a BOS; 0 for the largest token plus one
	bos   bool   // each sequence starts with a BOS, token vocab
	text  func(token int32) []byte
	// open returns what reads one file.
	open func(from origin) fileReader
}

// fileReader checks one file of a corpus.
type fileReader interface {
	// begin looks at the file's first piece and returns the number of bytes before the first token.
	begin(part []byte, size int64) (skip int, err error)
	// see looks at the bytes of whole tokens, in their order.
	see(part []byte) error
	// end returns an error if the file does not hold what it should. vocab is the largest token plus one.
	end() (vocab int, err error)
}

// secondsPerByte is the processor time that it takes to check a byte's digest and to load it, each with a pass over the
// file, as `go test ./data -bench Corpus` reports it (an AMD EPYC, 2026-12-01, beside other work).
const secondsPerByte = 4e-9

// survey reads the corpus once. It hands all bytes of tokens to keep, piece by piece.
func (c corpus) survey(ctx context.Context, sequence int, keep func(part []byte) error) (s Survey, err error) {
	s.Files = make([]File, len(c.from))
	var readers []fileReader
	s.Digest, err = walk(ctx, "path", c.kind, c.from, func(i int) look {
		r, started := c.open(c.from[i]), false
		readers = append(readers, r)
		s.Files[i].Path = c.from[i].name
		return func(part []byte, size int64) error {
			s.Seconds += secondsPerByte * float64(len(part))
			if !started {
				started = true
				skip, err := r.begin(part, size)
				if err != nil {
					return err
				}
				part = part[skip:]
			}
			if err := r.see(part); err != nil {
				return err
			}
			s.Files[i].Tokens += len(part) / c.width
			s.Memory += float64(len(part))
			return keep(part)
		}
	})
	if err != nil {
		return s, err
	}
	tokens := 0
	for i, r := range readers {
		f := &s.Files[i]
		if f.Vocab, err = r.end(); err == nil && c.vocab > 0 && f.Vocab > c.vocab {
			err = fmt.Errorf("holds token %d, but vocab is %d: raise vocab, or name the right file", f.Vocab-1, c.vocab)
		}
		if err != nil {
			return s, variant.Errorf("path", "%s: %v", f.Path, err)
		}
		tokens += f.Tokens
		s.Vocab = max(s.Vocab, f.Vocab, c.vocab)
	}
	if c.bos {
		s.Vocab++
	}
	return s, enough(tokens, sequence, c.from)
}

// enough returns an error if there are too few tokens for sequences of that length.
func enough(tokens, sequence int, from []origin) error {
	if train, need := trained(tokens), sequence+1; train < need || tokens-train < need {
		return variant.Errorf("path", "%s: %s %s too few for a context of %d: the held-out tenth alone needs %d",
			named(from), count.Of(tokens, "token"), count.Agree(tokens, "is", "are"), sequence, need)
	}
	return nil
}

// trained returns how many of the tokens, the first ones, are for training.
func trained(tokens int) int { return tokens - tokens/10 }

// source reads the corpus into memory: see block.
func (c corpus) source(sequence int) (Source, error) {
	size := int64(0)
	for _, o := range c.from {
		if f, n, err := o.open(); err == nil {
			size += n
			_ = f.Close()
		}
	}
	held, err := block(size)
	if err != nil {
		return nil, variant.Errorf("path", "%s: %s of memory for the tokens: %v", named(c.from), count.Of(size, "byte"), err)
	}
	w := &windows{tokens: tokens{held[:0], c.width}, bos: -1, context: sequence, text: c.text,
		rand: heldOutStream(0).Rand()}
	runtime.AddCleanup(w, func(held []byte) { _ = unix.Munmap(held) }, held)
	s, err := c.survey(context.Background(), sequence, func(part []byte) error {
		if len(w.tokens.bytes)+len(part) > len(held) {
			return fmt.Errorf("became longer while it was read: is another program writing it?")
		}
		w.tokens.bytes = append(w.tokens.bytes, part...)
		return nil
	})
	if err != nil {
		return nil, err
	}
	w.vocab, w.train = s.Vocab, trained(w.tokens.len())
	if c.bos {
		w.bos = int32(s.Vocab - 1)
	}
	return w, nil
}

// block returns zeroed memory of the given size, in bytes, outside Go's heap. In the heap, a large corpus would let as
// much garbage gather beside it before a collection.
//
// The files are copied and not mapped. A mapping is shared by all workers on a machine, so that sixteen of them over
// 210 MB of text would hold 210 MB together instead of 3.4 GB. But a file that is written over in place, as editors and
// cp do it, changes under a mapping: a run would train on data that its id does not name, and one that is cut off kills
// the process. Nobody may change a file of tokens that the project itself made and keeps; such a file can be mapped, as
// tokens does not ask where its bytes are.
func block(size int64) ([]byte, error) {
	if size == 0 {
		return nil, nil
	}
	return unix.Mmap(-1, 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
}

// tokens is a run of tokens, each of width bytes, little-endian.
type tokens struct {
	bytes []byte
	width int // 1, 2 or 4
}

func (t tokens) len() int { return len(t.bytes) / t.width }

// slice returns the tokens from..to-1, in the same memory.
func (t tokens) slice(from, to int) tokens {
	return tokens{t.bytes[from*t.width : to*t.width], t.width}
}

func (t tokens) at(i int) int32 {
	switch t.width {
	case 1:
		return int32(t.bytes[i])
	case 2:
		return int32(binary.LittleEndian.Uint16(t.bytes[2*i:]))
	default:
		return int32(binary.LittleEndian.Uint32(t.bytes[4*i:]))
	}
}

// windows is a source of random stretches of one long run of tokens, each after a BOS if bos is not -1.
type windows struct {
	tokens  tokens
	train   int // tokens before this one are for training
	vocab   int
	bos     int32 // -1 for none
	context int
	text    func(token int32) []byte // of a token that is no BOS; nil if tokens have no text
	rand    *rng.Rand
}

// Label implements Source.
func (w *windows) Label(token int32) string {
	switch {
	case token == w.bos:
		return "BOS"
	case w.text == nil:
		return strconv.Itoa(int(token))
	}
	return tokenizer.Escape(w.text(token))
}

// Length implements Source.
func (w *windows) Length(token int32) int {
	if token == w.bos || w.text == nil {
		return 0
	}
	return len(w.text(token))
}

// Vocab implements Source.
func (w *windows) Vocab() int { return w.vocab }

// Truth implements Source.
func (w *windows) Truth(int32) []float64 { return nil }

// Batch implements Source.
func (w *windows) Batch(b *Batch, seed uint64, step, n int) {
	b.resize(n * w.context)
	w.rand.Reset(rng.New(seed, trainPurpose).At(step))
	for i := range n {
		w.window(b, i*w.context, w.tokens.slice(0, w.train))
	}
}

// HeldOut implements Source.
func (w *windows) HeldOut(b *Batch, n int) {
	b.resize(n * w.context)
	for i := range n {
		w.rand.Reset(heldOutStream(i))
		w.window(b, i*w.context, w.tokens.slice(w.train, w.tokens.len()))
	}
}

// window fills the sequence at position at of b with a random stretch of part.
func (w *windows) window(b *Batch, at int, part tokens) {
	from := w.rand.IntN(part.len() - w.context)
	for i := range w.context {
		b.Targets[at+i], b.Class[at+i] = part.at(from+i), Ordinary
		if w.bos < 0 {
			b.Tokens[at+i], b.Targets[at+i] = part.at(from+i), part.at(from+i+1)
		} else if i > 0 {
			b.Tokens[at+i] = part.at(from + i - 1)
		}
	}
	if w.bos >= 0 {
		b.Tokens[at], b.Class[at] = w.bos, BOS
	}
	runtime.KeepAlive(w) // whose end would release part
}
