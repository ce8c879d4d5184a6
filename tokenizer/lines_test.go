package tokenizer

import "strings"

// ranges and pieces are what the lines of the tests are made of: scripts, blanks, control characters, emoji,
// contractions and the texts of added tokens. testdata/expected.py makes the same lines.
var ranges = [][2]rune{
	{0x61, 0x7a}, {0x41, 0x5a}, {0x30, 0x39}, {0x21, 0x2f}, {0x20, 0x20}, {0x20, 0x20}, {0x9, 0xd}, {0x0, 0x1f},
	{0x7f, 0xa0}, {0xa1, 0x17f}, {0x370, 0x3ff}, {0x400, 0x4ff}, {0x590, 0x5ff}, {0x600, 0x6ff}, {0x900, 0x97f},
	{0xe00, 0xe7f}, {0x1e00, 0x1eff}, {0x2000, 0x206f}, {0x2150, 0x218f}, {0x2460, 0x24ff}, {0x3000, 0x30ff},
	{0x4e00, 0x9fff}, {0xac00, 0xd7a3}, {0xfe00, 0xfe0f}, {0x1f300, 0x1f64f}, {0x1f900, 0x1f9ff}, {0x10000, 0x10ffff},
	{0x20000, 0x2a6df},
}

var pieces = []string{
	"'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'S", "'", " the", " light", "  ", "\n", "\r\n", "\u200d", "\ufeff",
	"<|endoftext|>", "<|end of text|>", "<|end",
}

// lines returns count lines, always the same ones.
func lines(count int) []string {
	state := uint64(1)
	draw := func(n int) int {
		state = state*6364136223846793005 + 1442695040888963407
		return int((state >> 33) % uint64(n))
	}
	var all []string
	for range count {
		var line strings.Builder
		for range 1 + draw(20) {
			kind := draw(len(ranges) + len(pieces))
			if kind >= len(ranges) {
				line.WriteString(pieces[kind-len(ranges)])
				continue
			}
			first, last := ranges[kind][0], ranges[kind][1]
			for range 1 + draw(8) {
				line.WriteRune(first + rune(draw(int(last-first)+1)))
			}
		}
		all = append(all, line.String())
	}
	return all
}
