// Package count writes a number with the noun that it counts, so that one run is never "1 runs".
package count

import (
	"fmt"
	"strings"
)

// Integer is any type of whole numbers.
type Integer interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64
}

// Of returns n with a noun, such as "1 run", "2 runs" or "0 runs". noun is the singular; words may stand before it, as
// in "new row".
func Of[N Integer](n N, noun string) string {
	return fmt.Sprintf("%d %s", n, Agree(n, noun, plural(noun)))
}

// Agree returns the word that agrees with n: one for 1, many for every other number. So Agree(n, "was", "were") is the
// verb after Of(n, "run").
func Agree[N Integer](n N, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// plural is by the rule of English nouns: entry, entries; batch, batches; key, keys. "series" is both.
func plural(noun string) string {
	switch {
	case strings.HasSuffix(noun, "series"):
		return noun
	case endsIn(noun, "s", "x", "z", "ch", "sh"):
		return noun + "es"
	case strings.HasSuffix(noun, "y") && !endsIn(noun, "ay", "ey", "oy", "uy"):
		return strings.TrimSuffix(noun, "y") + "ies"
	default:
		return noun + "s"
	}
}

func endsIn(noun string, endings ...string) bool {
	for _, e := range endings {
		if strings.HasSuffix(noun, e) {
			return true
		}
	}
	return false
}
