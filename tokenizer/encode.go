package tokenizer

import (
	"bytes"
	"slices"
)

// Encode returns the tokens of a text. Any bytes have tokens: those that are no valid UTF-8 are read as punctuation.
func (t *Tokenizer) Encode(text []byte) []uint32 {
	return t.encoder().encode(nil, text)
}

// encoder encodes for one goroutine. It remembers the tokens of short words.
type encoder struct {
	*Tokenizer
	known map[string][]uint32
	word  word
}

const (
	longestKnown = 48      // bytes of a word that is remembered
	mostKnown    = 1 << 17 // words; then the encoder forgets them all
)

func (t *Tokenizer) encoder() *encoder { return &encoder{Tokenizer: t, known: map[string][]uint32{}} }

// encode appends the tokens of a text to ids.
func (e *encoder) encode(ids []uint32, text []byte) []uint32 {
	return split(ids, text, e.first, func(ids []uint32, text []byte) []uint32 {
		return split(ids, text, e.second, e.encodePlain)
	})
}

// split appends the tokens of a text in which added tokens are to be found. What lies between them goes to plain.
func split(ids []uint32, text []byte, tokens []added, plain func([]uint32, []byte) []uint32) []uint32 {
	for len(text) > 0 {
		at, found := firstAdded(text, tokens)
		ids = plain(ids, text[:at])
		text = text[at:]
		if found != nil {
			ids = append(ids, found.id)
			text = text[len(found.content):]
		}
	}
	return ids
}

// firstAdded returns the place of the first added token in text, and that token. Of several at one place the longest
// counts. Without one it returns the length of text and nil. The tokens are sorted, the longest first.
func firstAdded(text []byte, tokens []added) (at int, first *added) {
	at = len(text)
	for i := range tokens {
		content := []byte(tokens[i].content)
		if n := bytes.Index(text[:min(len(text), at+len(content))], content); n >= 0 && n < at {
			at, first = n, &tokens[i]
		}
	}
	return at, first
}

// encodePlain appends the tokens of a text without added tokens to ids.
func (e *encoder) encodePlain(ids []uint32, text []byte) []uint32 {
	for len(text) > 0 {
		n := firstWord(text)
		ids = e.encodeWord(ids, text[:n])
		text = text[n:]
	}
	return ids
}

// encodeWord appends the tokens of one word to ids.
func (e *encoder) encodeWord(ids []uint32, text []byte) []uint32 {
	if len(text) > longestKnown {
		return e.word.encode(e.Tokenizer, ids, text)
	}
	known, ok := e.known[string(text)]
	if !ok {
		if len(e.known) == mostKnown {
			clear(e.known)
		}
		known = e.word.encode(e.Tokenizer, nil, text)
		e.known[string(text)] = known
	}
	return append(ids, known...)
}

// word is a word whose pairs are being merged. Its symbols form a list, and the pairs that may be merged a heap.
type word struct {
	symbols []symbol
	pairs   []candidate
}

type symbol struct {
	id         uint32
	gone       bool
	prev, next int32 // -1 for none
}

// candidate is a pair that may be merged: the symbol at a place and the one after it. It is stale if they have changed.
type candidate struct {
	merge
	at   int32
	pair pair
}

// encode appends the tokens of one word to ids. It merges the pair of the lowest rank, the leftmost of several, as long
// as there is one. The time grows with n log n, if n is the word's length.
func (w *word) encode(t *Tokenizer, ids []uint32, text []byte) []uint32 {
	w.symbols, w.pairs = w.symbols[:0], w.pairs[:0]
	for i, b := range text {
		w.symbols = append(w.symbols, symbol{id: t.bytes[b], prev: int32(i - 1), next: int32(i + 1)})
	}
	w.symbols[len(text)-1].next = -1
	for i := range w.symbols {
		w.offer(t, int32(i))
	}
	for len(w.pairs) > 0 {
		c := w.pop()
		left := &w.symbols[c.at]
		if left.gone || left.next < 0 || left.id != c.pair.left || w.symbols[left.next].id != c.pair.right {
			continue
		}
		right := &w.symbols[left.next]
		left.id, left.next, right.gone = c.into, right.next, true
		if left.next >= 0 {
			w.symbols[left.next].prev = c.at
		}
		w.offer(t, c.at)
		if left.prev >= 0 {
			w.offer(t, left.prev)
		}
	}
	ids = slices.Grow(ids, len(text))
	for at := int32(0); at >= 0; at = w.symbols[at].next {
		ids = append(ids, w.symbols[at].id)
	}
	return ids
}

// offer adds the pair that begins at a place to the heap, if it can be merged.
func (w *word) offer(t *Tokenizer, at int32) {
	next := w.symbols[at].next
	if next < 0 {
		return
	}
	p := pair{w.symbols[at].id, w.symbols[next].id}
	m, ok := t.ranks[p]
	if !ok {
		return
	}
	w.pairs = append(w.pairs, candidate{merge: m, at: at, pair: p})
	for i := len(w.pairs) - 1; i > 0; {
		parent := (i - 1) / 2
		if !w.pairs[i].before(w.pairs[parent]) {
			break
		}
		w.pairs[i], w.pairs[parent] = w.pairs[parent], w.pairs[i]
		i = parent
	}
}

// pop removes the first candidate from the heap.
func (w *word) pop() candidate {
	first, last := w.pairs[0], len(w.pairs)-1
	w.pairs[0] = w.pairs[last]
	w.pairs = w.pairs[:last]
	for i := 0; ; {
		least := i
		for _, child := range [2]int{2*i + 1, 2*i + 2} {
			if child < last && w.pairs[child].before(w.pairs[least]) {
				least = child
			}
		}
		if least == i {
			return first
		}
		w.pairs[i], w.pairs[least] = w.pairs[least], w.pairs[i]
		i = least
	}
}

func (c candidate) before(d candidate) bool {
	return c.rank < d.rank || c.rank == d.rank && c.at < d.at
}
