package tokenizer

import (
	"bytes"
	"compress/bzip2"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

// expected is what the library tokenizers made of the same texts; testdata/expected.py wrote it.
type expected struct {
	Lines   string            `json:"lines"`
	Opticks []string          `json:"opticks-1024"`
	Added   []string          `json:"added"`
	Trained map[string]string `json:"trained"`
}

func readExpected(t *testing.T) (e expected) {
	t.Helper()
	content, err := os.ReadFile("testdata/expected.json")
	if err == nil {
		err = json.Unmarshal(content, &e)
	}
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func open(t testing.TB, path string) *Tokenizer {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	k, err := Read(content)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

const opticksTokenizer = "../data/tokenizers/opticks-1024.json"

func opticks(t *testing.T) []byte {
	t.Helper()
	f, err := os.Open("../data/texts/opticks.txt.bz2")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(bzip2.NewReader(f))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func sha(text []byte) string { return fmt.Sprintf("%x", sha256.Sum256(text)) }

// 10,000 lines of mixed scripts, emoji, blanks and control characters have the tokens that tokenizers 0.23.3 gives
// them, with added tokens and without, and come back.
func TestSameTokensAsTokenizers(t *testing.T) {
	e, texts := readExpected(t), lines(10_000)
	if got := sha([]byte(strings.Join(texts, "\n"))); got != e.Lines {
		t.Fatalf("the lines are not those of testdata/expected.py: %s", got)
	}
	for _, c := range []struct {
		path string
		want []string
	}{{opticksTokenizer, e.Opticks}, {"testdata/added.json", e.Added}} {
		k := open(t, c.path)
		if len(c.want) != 100 {
			t.Fatalf("%s: %d digests, want 100", c.path, len(c.want))
		}
		var ids strings.Builder
		for i, text := range texts {
			tokens := k.Encode([]byte(text))
			if got := decoded(t, k, tokens); got != text {
				t.Fatalf("%s: line %d: %q comes back as %q", c.path, i, text, got)
			}
			ids.WriteString(strings.Trim(fmt.Sprint(tokens), "[]") + "\n")
			if i%100 == 99 {
				if got := sha([]byte(ids.String())); got != c.want[i/100] {
					t.Errorf("%s: lines %d to %d have other tokens", c.path, i-99, i)
				}
				ids.Reset()
			}
		}
	}
}

func decoded(t testing.TB, k *Tokenizer, ids []uint32) string {
	t.Helper()
	var text strings.Builder
	if err := k.Text(&text, bytes.NewReader(Pack(ids, 4)), 4); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// Training gives the file that tokenizers 0.23.3 writes after training on the same text, byte for byte.
func TestSameMergesAsTokenizers(t *testing.T) {
	e := readExpected(t)
	for _, c := range []struct {
		name   string
		text   []byte
		vocab  int
		byLine bool
	}{
		{"opticks, whole", opticks(t), 1023, false},
		{"opticks, by line", opticks(t), 1023, true},
		{"lines", []byte(strings.Join(lines(10_000), "\n")), 3000, false},
	} {
		k, err := Train([]io.Reader{bytes.NewReader(c.text)}, c.vocab, c.byLine)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		content, err := k.JSON()
		if err != nil {
			t.Fatal(err)
		}
		if got := sha(content); got != e.Trained[c.name] {
			t.Errorf("%s: digest %s, want %s", c.name, got, e.Trained[c.name])
		}
		again, err := Read(content)
		if err != nil {
			t.Fatal(err)
		}
		if again.Digest() != k.Digest() || again.Vocab() != c.vocab {
			t.Errorf("%s: the file read back has %d tokens and the digest %s, want %d and %s", c.name, again.Vocab(),
				again.Digest(), c.vocab, k.Digest())
		}
	}
}

func TestTrainRefuses(t *testing.T) {
	for text, c := range map[string]struct {
		vocab int
		want  string
	}{
		"abc abc":  {256, "must be at least 257"},
		"":         {300, "pairs for 256 entries alone"},
		"ab ab ab": {300, "pairs for 258 entries alone"}, // "ab" and " ab"
	} {
		_, err := Train([]io.Reader{strings.NewReader(text)}, c.vocab, false)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %s", text, err, c.want)
		}
	}
	broken := iotest.ErrReader(os.ErrClosed)
	if _, err := Train([]io.Reader{broken}, 300, false); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("a text that cannot be read: %v", err)
	}
}

// The words of GPT-2's expression, worked out by hand.
func TestWords(t *testing.T) {
	for text, want := range map[string][]string{
		"I've  2 cats!?":   {"I", "'ve", " ", " 2", " cats", "!?"},
		"a\n\n  b":         {"a", "\n\n ", " b"},
		"a \n":             {"a", " \n"},
		"'S 'll'":          {"'", "S", " '", "ll", "'"},
		"x\u00a0y":         {"x", "\u00a0", "y"},
		"\u00a0\u00a0y":    {"\u00a0", "\u00a0", "y"},
		"½²n":              {"½²", "n"},
		"\xff\xfea \xc3":   {"\xff\xfe", "a", " \xc3"},
		"don't.":           {"don", "'t", "."},
		"   ":              {"   "},
		" \u0301e\u0301":   {" \u0301", "e", "\u0301"},
		"\U00031350\u1c89": {"\U00031350\u1c89"}, // letters of Unicode 15.0 and 16.0
	} {
		var got []string
		for rest := []byte(text); len(rest) > 0; {
			n := firstWord(rest)
			got = append(got, string(rest[:n]))
			rest = rest[n:]
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// Any bytes come back, and a text that is cut into blocks has the tokens of the whole.
func TestAnyBytesComeBack(t *testing.T) {
	k := open(t, "testdata/added.json")
	rapid.Check(t, func(r *rapid.T) {
		text := rapid.OneOf(
			rapid.SliceOf(rapid.Byte()),
			rapid.Map(rapid.SliceOf(rapid.SampledFrom(append([]string{"\xe2\x98", "a b", "x ", "\t"}, pieces...))),
				func(s []string) []byte { return []byte(strings.Join(s, "")) }),
		).Draw(r, "text")
		ids := k.Encode(text)
		if got := decoded(t, k, ids); got != string(text) {
			r.Fatalf("%q comes back as %q", text, got)
		}
		if at := k.cut(text); at > 0 {
			if parts := append(k.Encode(text[:at]), k.Encode(text[at:])...); !slices.Equal(parts, ids) {
				r.Fatalf("%q cut at %d: %v, whole %v", text, at, parts, ids)
			}
		}
	})
}

// Write gives the tokens of the whole text, for texts of several blocks, with few places to cut and with none.
func TestWriteInBlocks(t *testing.T) {
	k := open(t, "testdata/added.json")
	long := strings.Repeat("<|end of text|> of the light's rays<|endoftext|>\n\n 17", 50_000)
	for name, text := range map[string]string{
		"words": long, "empty": "", "one": "x",
		"no place to cut": strings.Repeat("Пу", blockLen),
		"bytes":           strings.Repeat("\xff\x00 \x80", blockLen/2),
	} {
		for _, width := range []int{2, 4} {
			var out bytes.Buffer
			n, err := k.Write(&out, iotest.HalfReader(strings.NewReader(text)), width)
			if err != nil {
				t.Fatal(err)
			}
			if want := k.Encode([]byte(text)); n != int64(len(want)) || !bytes.Equal(out.Bytes(), Pack(want, width)) {
				t.Errorf("%s, %d bytes a token: %d tokens, want %d, or others", name, width, n, len(want))
			}
			var back strings.Builder
			if err := k.Text(&back, &out, width); err != nil || back.String() != text {
				t.Errorf("%s: does not come back: %v", name, err)
			}
		}
	}
	if _, err := k.Write(io.Discard, iotest.ErrReader(os.ErrClosed), 2); err == nil {
		t.Error("a text that cannot be read: no error")
	}
	if _, err := k.Write(failing{}, strings.NewReader(long), 2); err == nil {
		t.Error("a file that cannot be written: no error")
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestTextRefuses(t *testing.T) {
	k := open(t, opticksTokenizer)
	for want, tokens := range map[string][]byte{
		"token 1023, at place 1, is not of the vocabulary, whose last is 1022": Pack([]uint32{5, 1023}, 2),
		"ends in the middle of a token: 1 of 2 bytes":                          {1, 0, 2},
	} {
		if err := k.Text(io.Discard, bytes.NewReader(tokens), 2); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %s", tokens, err, want)
		}
	}
}

// A word of a million letters takes n log n, not n².
func TestLongWord(t *testing.T) {
	k := open(t, opticksTokenizer)
	word := bytes.Repeat([]byte("thethe"), 200_000)
	if got := decoded(t, k, k.Encode(word)); got != string(word) {
		t.Error("the word does not come back")
	}
}

func TestPack(t *testing.T) {
	if got, want := Pack([]uint32{1, 0x203}, 2), []byte{1, 0, 3, 2}; !bytes.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := binary.LittleEndian.Uint32(Pack([]uint32{70000}, 4)); got != 70000 {
		t.Errorf("%d, want 70000", got)
	}
}

// Labels hold no control character, and say what they stand for.
func TestLabels(t *testing.T) {
	k := open(t, opticksTokenizer)
	for text, want := range map[string]string{" the": " the", "\n": `\n`, "\x1b": `\x1b`, "\xc3": `\xc3`, `"`: `\"`} {
		ids := k.Encode([]byte(text))
		if len(ids) != 1 || k.Label(int(ids[0])) != want || string(k.Token(int(ids[0]))) != text {
			t.Errorf("%q: tokens %v, label %q, want one labelled %q", text, ids, k.Label(int(ids[0])), want)
		}
	}
}
