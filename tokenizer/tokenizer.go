// Package tokenizer turns text into tokens and back by byte-level BPE (arXiv 1508.07909 over bytes, as GPT-2 does),
// trains such tokenizers, and reads and writes them as the tokenizer.json of the library tokenizers.
package tokenizer

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
)

// Tokenizer is a byte-level BPE tokenizer with GPT-2's splitting. It is not changed after it was made, so several
// goroutines may use it.
type Tokenizer struct {
	tokens [][]byte // the bytes of each token, by id
	bytes  [256]uint32
	merges []pair // in order of rank; a pair may occur twice, then the last rank counts
	ranks  map[pair]merge
	first  []added // those that are found in the whole text, longest first
	second []added // those that are found in what lies between the first, longest first
}

// pair is two tokens that stand next to each other.
type pair struct{ left, right uint32 }

// merge is what becomes of a pair. Among the pairs of a word, the one with the lowest rank is merged first.
type merge struct {
	rank int32
	into uint32
}

// added is a token that is found in the text before the text is split, such as GPT-2's <|endoftext|>. In tokenizer.json
// those of the first kind have "normalized" false.
type added struct {
	id      uint32
	content string
}

// fresh returns a tokenizer whose only tokens are the 256 bytes, in the order of the characters that stand for them in
// tokenizer.json.
func fresh() *Tokenizer {
	t := &Tokenizer{ranks: map[pair]merge{}}
	order := make([]int, 256)
	for b := range order {
		order[b] = b
	}
	slices.SortFunc(order, func(a, b int) int { return int(characters[a]) - int(characters[b]) })
	for id, b := range order {
		t.bytes[b] = uint32(id)
		t.tokens = append(t.tokens, []byte{byte(b)})
	}
	return t
}

// Vocab returns the number of tokens. Their ids are 0 to Vocab-1.
func (t *Tokenizer) Vocab() int { return len(t.tokens) }

// Merges returns the number of merges.
func (t *Tokenizer) Merges() int { return len(t.merges) }

// Added returns the texts of the added tokens, by id.
func (t *Tokenizer) Added() map[int]string {
	texts := map[int]string{}
	for _, a := range slices.Concat(t.first, t.second) {
		texts[int(a.id)] = a.content
	}
	return texts
}

// Token returns the bytes of a token, which need not be valid UTF-8. The id must be below Vocab.
func (t *Tokenizer) Token(id int) []byte { return slices.Clone(t.tokens[id]) }

// Label returns the text of a token for people: see Escape. The id must be below Vocab.
func (t *Tokenizer) Label(id int) string { return Escape(t.tokens[id]) }

// Escape returns text in which what does not print is escaped as in a Go string, as are quotes and the bytes of an
// incomplete character. So it holds no control character. " the" stays as it is, and a line feed becomes \n.
func Escape(text []byte) string {
	quoted := strconv.Quote(string(text))
	return quoted[1 : len(quoted)-1]
}

// Digest returns the SHA-256 (hex) of everything on which encoding depends: tokens, merges and added tokens. Two files
// that are written differently and encode alike have one digest.
func (t *Tokenizer) Digest() string {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "byte-level BPE, GPT-2's splitting\n%d tokens\n", len(t.tokens))
	for _, token := range t.tokens {
		_, _ = fmt.Fprintf(h, "%x\n", token)
	}
	for _, m := range t.merges {
		_, _ = fmt.Fprintf(h, "%d %d\n", m.left, m.right)
	}
	for kind, tokens := range [][]added{t.first, t.second} {
		for _, a := range tokens {
			_, _ = fmt.Fprintf(h, "%d %d %x\n", kind, a.id, a.content)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// characters holds the character that stands for each byte in tokenizer.json. A byte that prints in Latin-1 stands for
// itself; the others follow from U+0100 on, in order. So no token of a file contains a blank or a control character.
var characters = func() (c [256]rune) {
	next := rune(0x100)
	for b := range c {
		switch {
		case b >= '!' && b <= '~', b >= 0xa1 && b != 0xad:
			c[b] = rune(b)
		default:
			c[b] = next
			next++
		}
	}
	return c
}()

// byteOf is the inverse of characters.
var byteOf = func() map[rune]byte {
	m := map[rune]byte{}
	for b, c := range characters {
		m[c] = byte(b)
	}
	return m
}()

// spell writes bytes in the characters of tokenizer.json.
func spell(bytes []byte) string {
	text := make([]rune, len(bytes))
	for i, b := range bytes {
		text[i] = characters[b]
	}
	return string(text)
}

// unspell is the inverse of spell. It reports false if a character stands for no byte.
func unspell(text string) ([]byte, bool) {
	var bytes []byte
	for _, c := range text {
		b, ok := byteOf[c]
		if !ok {
			return nil, false
		}
		bytes = append(bytes, b)
	}
	return bytes, true
}
