package tokenizer

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"
	"unicode/utf8"

	"github.com/outcrop-lab/outcrop/count"
)

// blockLen is the least number of bytes that a goroutine gets at a time.
const blockLen = 1 << 20

// Width returns the number of bytes of a token in a file: 2 if all tokens and a BOS after the last fit, else 4.
func (t *Tokenizer) Width() int {
	if t.Vocab() < 1<<16 {
		return 2
	}
	return 4
}

// Write encodes a text on all cores and writes its tokens, little endian, each in width bytes (2 or 4). It returns the
// number of tokens. They are those of Encode over the whole text. Memory does not grow with the text, unless that has
// no place where it can be cut, which is an ASCII character followed by an ASCII blank.
func (t *Tokenizer) Write(out io.Writer, text io.Reader, width int) (tokens int64, err error) {
	w := bufio.NewWriter(out)
	encoders := sync.Pool{New: func() any { return t.encoder() }}
	encode := func(block []byte) []byte {
		e := encoders.Get().(*encoder)
		defer encoders.Put(e)
		return Pack(e.encode(nil, block), width)
	}
	err = inOrder(text, t.cut, encode, func(packed []byte) error {
		tokens += int64(len(packed) / width)
		_, err := w.Write(packed)
		return err
	})
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		return tokens, fmt.Errorf("tokenizer: encoding: %w", err)
	}
	return tokens, nil
}

// Pack returns tokens, little endian, in width bytes each.
func Pack(ids []uint32, width int) []byte {
	packed := make([]byte, 0, len(ids)*width)
	for _, id := range ids {
		if width == 2 {
			packed = binary.LittleEndian.AppendUint16(packed, uint16(id))
		} else {
			packed = binary.LittleEndian.AppendUint32(packed, id)
		}
	}
	return packed
}

// Text writes the bytes for which the tokens of a file stand, which Write wrote in the same width. It returns an error
// if a token is not of the vocabulary, or if the last one is incomplete.
func (t *Tokenizer) Text(out io.Writer, tokens io.Reader, width int) error {
	in, w := bufio.NewReader(tokens), bufio.NewWriter(out)
	packed := make([]byte, 4)
	for at := 0; ; at++ {
		switch n, err := io.ReadFull(in, packed[:width]); {
		case errors.Is(err, io.EOF):
			if err := w.Flush(); err != nil {
				return fmt.Errorf("tokenizer: decoding: %w", err)
			}
			return nil
		case errors.Is(err, io.ErrUnexpectedEOF):
			return fmt.Errorf("tokenizer: the file ends in the middle of a token: %d of %s", n, count.Of(width, "byte"))
		case err != nil:
			return fmt.Errorf("tokenizer: decoding: %w", err)
		}
		id := binary.LittleEndian.Uint32(packed)
		if int64(id) >= int64(len(t.tokens)) {
			return fmt.Errorf("tokenizer: token %d, at place %d, is not of the vocabulary, whose last is %d",
				id, at, len(t.tokens)-1)
		}
		if _, err := w.Write(t.tokens[id]); err != nil {
			return fmt.Errorf("tokenizer: decoding: %w", err)
		}
	}
}

// inOrder cuts a text into blocks, works on them on all cores, and hands out the results in the order of the text.
func inOrder[T any](text io.Reader, cut func([]byte) int, work func([]byte) T, use func(T) error) error {
	pending := make(chan chan T, runtime.GOMAXPROCS(0))
	stop := make(chan struct{})
	var failed error // of reading; it is read after pending is closed
	go func() {
		defer close(pending)
		failed = blocks(text, cut, func(block []byte) bool {
			result := make(chan T, 1)
			select {
			case pending <- result:
			case <-stop:
				return false
			}
			go func() { result <- work(block) }()
			return true
		})
	}()
	for result := range pending {
		if err := use(<-result); err != nil {
			close(stop)
			for range pending { //nolint:revive // the reader ends when it is told to
			}
			return err
		}
	}
	return failed
}

// blocks hands out a text in blocks that end where cut says, until yield reports false.
func blocks(text io.Reader, cut func([]byte) int, yield func([]byte) bool) error {
	var rest []byte
	for size := blockLen; ; {
		block := make([]byte, size+len(rest))
		n, err := io.ReadFull(text, block[copy(block, rest):])
		block = block[:len(rest)+n]
		ended := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !ended {
			return err
		}
		at := len(block)
		if !ended {
			at = cut(block)
		}
		if at > 0 && !yield(block[:at:at]) {
			return nil
		}
		if ended {
			return nil
		}
		rest = block[at:]
		size = max(blockLen, len(rest))
	}
}

// cut returns the last place at which a text that goes on can be cut such that both parts have the tokens that the
// whole has, or 0. GPT-2's splitting always begins a word at a blank that follows a character which is none. An added
// token may not be cut, nor one of which only the begin is there yet.
func (t *Tokenizer) cut(text []byte) int {
	tokens := slices.Concat(t.first, t.second)
	longest := 0
	for _, a := range tokens {
		longest = max(longest, len(a.content))
	}
	for at := len(text) - max(1, longest); at > 0; at-- {
		if wordEnds(text[at-1], text[at]) && !straddled(text, at, tokens) {
			return at
		}
	}
	return 0
}

// wordEnds reports whether a word ends between two bytes, which it does between ASCII characters of which only the
// second is a blank.
func wordEnds(before, after byte) bool {
	return before < utf8.RuneSelf && after < utf8.RuneSelf && ascii[before] != space && ascii[after] == space
}

// straddled reports whether an added token begins before a place and ends after it.
func straddled(text []byte, at int, tokens []added) bool {
	for _, a := range tokens {
		n := len(a.content)
		if bytes.Contains(text[max(0, at-n+1):min(len(text), at+n-1)], []byte(a.content)) {
			return true
		}
	}
	return false
}

// occurrences returns how often each word occurs in texts, each of which is one sequence, or with byLine each of its
// lines.
func occurrences(texts []io.Reader, byLine bool) (map[string]int64, error) {
	total := map[string]int64{}
	cut := (&Tokenizer{}).cut
	if byLine {
		cut = func(text []byte) int { return bytes.LastIndexByte(text, '\n') + 1 }
	}
	words := func(block []byte) map[string]int64 {
		found := map[string]*int64{}
		for len(block) > 0 {
			sequence := block
			if end := bytes.IndexByte(block, '\n'); byLine && end >= 0 {
				sequence = block[:end+1]
			}
			block = block[len(sequence):]
			for len(sequence) > 0 {
				n := firstWord(sequence)
				if counted, ok := found[string(sequence[:n])]; ok {
					*counted++
				} else {
					found[string(sequence[:n])] = ptr(1)
				}
				sequence = sequence[n:]
			}
		}
		counts := make(map[string]int64, len(found))
		for w, n := range found {
			counts[w] = *n
		}
		return counts
	}
	for _, text := range texts {
		err := inOrder(text, cut, words, func(found map[string]int64) error {
			for w, n := range found {
				total[w] += n
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("tokenizer: reading a text: %w", err)
		}
	}
	return total, nil
}

func ptr(n int64) *int64 { return &n }
