package store

import (
	"fmt"
	"strings"

	"github.com/outcrop-lab/outcrop/count"
)

// single returns the one statement of an SQL text, without what surrounds it: blanks, comments and semicolons. It
// returns ErrQuery if the text holds none or several.
func single(text string) (string, error) {
	var all []string
	begun, at := -1, 0
	end := func() {
		if begun >= 0 {
			all = append(all, text[begun:at])
		}
		begun = -1
	}
	for at < len(text) {
		rest := text[at:]
		switch closing, quoted := quotes[rest[0]]; {
		case strings.HasPrefix(rest, "--"):
			at += through(rest, "\n")
		case strings.HasPrefix(rest, "/*"):
			at += 2 + through(rest[2:], "*/")
		case rest[0] == ';':
			end()
			at++
		case strings.IndexByte(" \t\n\f\r", rest[0]) >= 0:
			at++
		default:
			if begun < 0 {
				begun = at
			}
			if at++; quoted {
				at += through(rest[1:], closing) // a doubled quote ends one and begins another
			}
		}
	}
	end()
	switch len(all) {
	case 0:
		return "", fmt.Errorf("%w: it is empty; write SELECT …", ErrQuery)
	case 1:
		return all[0], nil
	}
	return "", fmt.Errorf("%w: it holds %s; ask one at a time", ErrQuery, count.Of(len(all), "statement"))
}

// quotes maps the bytes that begin a string or a quoted name in SQLite to what ends it.
var quotes = map[byte]string{'\'': "'", '"': `"`, '`': "`", '[': "]"}

// through returns the number of bytes up to the end of the first closing, or of text if it lacks one.
func through(text, closing string) int {
	if i := strings.Index(text, closing); i >= 0 {
		return i + len(closing)
	}
	return len(text)
}
