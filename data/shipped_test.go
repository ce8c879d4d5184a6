package data

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/tokenizer"
)

func shipped(t *testing.T, name string) []byte {
	t.Helper()
	r, err := OpenText(name)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// The texts are those of texts/README.md, and the program carries less than 2.5 MB of them.
func TestTextsThatShip(t *testing.T) {
	readme, err := os.ReadFile("texts/README.md")
	if err != nil {
		t.Fatal(err)
	}
	size := int64(0)
	for _, name := range Texts() {
		want := fmt.Sprintf("`%x`", sha256.Sum256(shipped(t, name)))
		_, row, _ := strings.Cut(string(readme), "| `"+name+"` |")
		if row, _, _ = strings.Cut(row, "\n"); !strings.Contains(row, want) {
			t.Errorf("%s has the SHA-256 %s, texts/README.md says %s", name, want, row)
		}
		info, err := os.Stat("texts/" + name + ".txt.bz2")
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
	}
	if size > 2_500_000 {
		t.Errorf("the texts take %d bytes", size)
	}
	if len(Texts()) != 2 {
		t.Errorf("the texts are %q, want two", Texts())
	}
}

// The tokenizers that ship come out again, byte for byte, if they are trained on the texts that ship.
func TestTokenizersThatShip(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		vocab int
	}{"opticks-1024": {"opticks", 1023}, "books-1024": {"books", 1023}, "books-2048": {"books", 2047}} {
		trained, err := tokenizer.Train([]io.Reader{bytes.NewReader(shipped(t, c.text))}, c.vocab, false)
		if err != nil {
			t.Fatal(err)
		}
		got, err := trained.JSON()
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile("tokenizers/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: other bytes than those that ship", name)
		}
		if k, err := OpenTokenizer(name); err != nil || k.Digest() != trained.Digest() {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(Tokenizers()) != 3 {
		t.Errorf("the tokenizers are %q, want three", Tokenizers())
	}
}
