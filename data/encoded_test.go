package data

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/variant"
)

// through returns Opticks through a tokenizer, with a folder of its own for the file of tokens.
func through(t *testing.T) (s *Text, cache string) {
	t.Helper()
	cache = t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	s = sources["text"].New().(*Text)
	s.Path.Written, s.Tokenizer.Written = "opticks", "opticks-1024"
	return s, cache
}

// batches returns what a source gives for training and held out.
func batches(s Source) (tokens []int32) {
	var b Batch
	s.Batch(&b, 3, 5, 16)
	tokens = slices.Concat(tokens, b.Tokens, b.Targets)
	s.HeldOut(&b, 16)
	return slices.Concat(tokens, b.Tokens, b.Targets)
}

// A text through a tokenizer gives the windows of the file of tokens that the tokenizer makes of the whole text.
func TestTextThroughTokenizer(t *testing.T) {
	s, _ := through(t)
	k, err := OpenTokenizer("opticks-1024")
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	n, err := k.Write(&packed, bytes.NewReader(shipped(t, "opticks")), 2)
	if err != nil {
		t.Fatal(err)
	}
	bin := &Bin{Path: at(write(t, packed.Bytes())), Vocab: 1023, BOS: true}
	source := open(t, s, 64)
	want := open(t, bin, 64)
	if got := batches(source); !slices.Equal(got, batches(want)) || source.Vocab() != 1024 {
		t.Errorf("other windows than those of the file of tokens; vocab %d", source.Vocab())
	}
	the := k.Encode([]byte(" the"))[0]
	if source.Label(1023) != "BOS" || source.Length(1023) != 0 || source.Label(int32(the)) != " the" ||
		source.Length(int32(the)) != 4 {
		t.Errorf("labels %q, %q", source.Label(1023), source.Label(int32(the)))
	}
	survey, err := s.Survey(t.Context(), 64)
	if err != nil {
		t.Fatal(err)
	}
	if f := survey.Files[0]; f.Tokens != int(n) || f.Vocab != 1023 || f.Path != "opticks" || survey.Vocab != 1024 ||
		survey.Memory < float64(2*n) || survey.Memory > float64(2*n+2*trailerLen) {
		t.Errorf("%+v, want %d tokens", survey, n)
	}
}

// The digest depends on text and tokenizer and on no name or path, and differs from that of the bytes.
func TestDigestThroughTokenizer(t *testing.T) {
	s, _ := through(t)
	digest := func(s *Text) string {
		d, err := s.Digest()
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	k, err := OpenTokenizer("opticks-1024")
	if err != nil {
		t.Fatal(err)
	}
	content, err := k.JSON()
	if err != nil {
		t.Fatal(err)
	}
	same := &Text{Path: at(write(t, shipped(t, "opticks"))), Tokenizer: at(write(t, content)), BOS: true}
	if digest(s) != digest(same) {
		t.Error("the same text and tokenizer under other paths have another digest")
	}
	other := *s
	other.Tokenizer.Written = "books-1024"
	asBytes := *s
	asBytes.Tokenizer.Written = ""
	if digest(s) == digest(&other) || digest(s) == digest(&asBytes) {
		t.Error("the digest does not depend on the tokenizer")
	}
}

// A file of tokens is made once. One that is cut off or altered is made again, and where none can be kept, the tokens
// are the same.
func TestFileOfTokens(t *testing.T) {
	s, cache := through(t)
	want := batches(open(t, s, 64))
	files, err := filepath.Glob(filepath.Join(cache, "outcrop", "tokens", "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%q, %v, want one file of tokens", files, err)
	}
	whole := read(t, files[0])
	made, err := os.Stat(files[0])
	if err != nil {
		t.Fatal(err)
	}
	again := func(name string, kept bool) {
		if got := batches(open(t, s, 64)); !slices.Equal(got, want) {
			t.Errorf("%s: other tokens", name)
		}
		if info, err := os.Stat(files[0]); err != nil || os.SameFile(info, made) != kept ||
			!bytes.Equal(read(t, files[0]), whole) {
			t.Errorf("%s: the file was made again: %v, want %v; %v", name, !kept, kept, err)
		}
	}
	again("sound", true)
	altered := slices.Clone(whole)
	altered[1000] ^= 1
	for name, content := range map[string][]byte{
		"cut off": whole[:len(whole)/2], "empty": nil, "altered": altered,
		"another trailer": slices.Concat(whole, []byte("}")),
	} {
		if err := os.WriteFile(files[0], content, 0o666); err != nil {
			t.Fatal(err)
		}
		if made, err = os.Stat(files[0]); err != nil {
			t.Fatal(err)
		}
		again(name, false)
	}
	t.Setenv("XDG_CACHE_HOME", files[0]) // no folder
	if got := batches(open(t, s, 64)); !slices.Equal(got, want) {
		t.Error("without a folder for files of tokens: other tokens")
	}
	t.Setenv("TMPDIR", files[0])
	if _, err := s.Open(64); err == nil || !strings.Contains(err.Error(), "XDG_CACHE_HOME") {
		t.Errorf("without any folder: %v, want an error with a remedy", err)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func TestThroughTokenizerRefuses(t *testing.T) {
	s, cache := through(t)
	k, err := json.Marshal(map[string]any{"model": map[string]any{"type": "Unigram"}})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		path, tokenizer variant.Path
		key, want       string
	}{
		"no tokenizer":      {s.Path, at("none.json"), "tokenizer", "none.json: no such file"},
		"another model":     {s.Path, at(write(t, k)), "tokenizer", "the model is Unigram"},
		"a folder":          {s.Path, at(t.TempDir()), "tokenizer", "is a folder"},
		"an empty text":     {at(write(t, nil)), s.Tokenizer, "path", "0 tokens are too few"},
		"a short text":      {at(write(t, []byte("the light "))), s.Tokenizer, "path", "are too few for a context of 64"},
		"no text":           {at("none.txt"), s.Tokenizer, "path", "none.txt: no such file"},
		"a file with zeros": {at(write(t, []byte{65, 0, 65, 0})), s.Tokenizer, "path", "is not text"},
	} {
		_, err := (&Text{Path: c.path, Tokenizer: c.tokenizer, BOS: true}).Survey(t.Context(), 64)
		var at *variant.Error
		if !errors.As(err, &at) || at.Key != c.key || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s at %s", name, err, c.want, c.key)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Survey(ctx, 64); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	left, err := filepath.Glob(filepath.Join(cache, "outcrop", "tokens", "*.partial"))
	if err != nil || len(left) > 0 {
		t.Errorf("half-written files are left: %q, %v", left, err)
	}
}
