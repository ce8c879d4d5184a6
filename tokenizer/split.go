package tokenizer

import (
	_ "embed"
	"fmt"
	"sort"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// class says how GPT-2's splitting treats a character.
type class uint8

const (
	other  class = iota // also a byte that is no valid UTF-8
	letter              // \p{L}
	number              // \p{N}
	space               // \s, the property White_Space
)

// firstWord returns the length in bytes of the first word of a text that is not empty. The words of a text are the
// matches of GPT-2's expression
//
//	's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
//
// Merges never cross their ends.
func firstWord(text []byte) int {
	if n := contraction(text); n > 0 {
		return n
	}
	c, size := classify(text)
	if text[0] == ' ' && len(text) > 1 {
		if next, n := classify(text[1:]); next != space {
			return 1 + n + run(text[1+n:], next)
		}
	}
	if c != space {
		return size + run(text[size:], c)
	}
	return blanks(text)
}

// contraction returns the length of 's, 't, 're, 've, 'm, 'll or 'd at the begin of text, or 0.
func contraction(text []byte) int {
	if text[0] != '\'' || len(text) < 2 {
		return 0
	}
	switch text[1] {
	case 's', 't', 'm', 'd':
		return 2
	}
	if len(text) > 2 {
		switch string(text[1:3]) {
		case "re", "ve", "ll":
			return 3
		}
	}
	return 0
}

// run returns the length of the characters of one class at the begin of text.
func run(text []byte, c class) int {
	n := 0
	for n < len(text) {
		next, size := classify(text[n:])
		if next != c {
			break
		}
		n += size
	}
	return n
}

// blanks returns the length of the word that a text with a blank at its begin has first: all blanks up to the end of
// the text, or else all but the last, which begins the next word, or else the only one.
func blanks(text []byte) int {
	n, last := 0, 0
	for n < len(text) {
		c, size := classify(text[n:])
		if c != space {
			if n > last {
				return n - last
			}
			return n
		}
		n, last = n+size, size
	}
	return n
}

// classify returns the class of a text's first character and its length in bytes.
func classify(text []byte) (class, int) {
	if b := text[0]; b < utf8.RuneSelf {
		return ascii[b], 1
	}
	r, size := utf8.DecodeRune(text)
	if size == 1 {
		return other, 1
	}
	ranges := classes()
	i := sort.Search(len(ranges), func(i int) bool { return ranges[i].last >= r })
	if i < len(ranges) && ranges[i].first <= r {
		return ranges[i].class, size
	}
	return other, size
}

// ascii holds the class of each ASCII character.
var ascii = func() (c [utf8.RuneSelf]class) {
	for r := range c {
		switch {
		case unicode.IsLetter(rune(r)):
			c[r] = letter
		case unicode.IsNumber(rune(r)):
			c[r] = number
		case unicode.IsSpace(rune(r)):
			c[r] = space
		}
	}
	return c
}()

// classRange is a range of code points of one class.
type classRange struct {
	first, last rune
	class       class
}

// classes returns the code points that are letters, numbers or blanks in Unicode 16.0, by which tokenizers 0.23.3
// splits. Go's own tables are not used: they change with its version, and the tokens of a text must not.
var classes = sync.OnceValue(func() (ranges []classRange) {
	names := map[string]class{"letter": letter, "number": number, "space": space}
	for line := range strings.Lines(classText) {
		var name string
		var r classRange
		if _, err := fmt.Sscanf(line, "%s %X %X", &name, &r.first, &r.last); err == nil {
			r.class = names[name]
			ranges = append(ranges, r)
		}
	}
	return ranges
})

//go:embed classes.txt
var classText string
