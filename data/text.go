package data

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/outcrop-lab/outcrop/regularfile"
	"github.com/outcrop-lab/outcrop/variant"
)

// Text reads the bytes of one or more files as tokens. Each sequence starts with a BOS (token 256) unless BOS is false.
// The last tenth of all bytes is held out. If Path is empty, Text reads Newton's Opticks, which the Go distribution
// carries for its own tests.
type Text struct {
	Path variant.Path `json:"path" doc:"file or glob, relative to the sweep's file; if empty, Newton's Opticks"`
	BOS  bool         `json:"bos" doc:"start each sequence with a BOS, token 256"`
}

const (
	opticksName   = "Isaac.Newton-Opticks.txt"
	opticksSHA256 = "d4a9ac22462b35e7821a4f2706c211093da678620a8f9997989ee7cf8d507bbd"
	byteVocab     = 256
)

// Validate implements Settings.
func (s *Text) Validate() error { return nil }

// Digest implements Settings.
func (s *Text) Digest() (string, error) {
	survey, err := s.Survey(context.Background(), 0)
	return survey.Digest, err
}

// Survey implements Settings.
func (s *Text) Survey(ctx context.Context, sequence int) (Survey, error) {
	c, err := s.corpus()
	if err != nil {
		return Survey{}, err
	}
	return c.survey(ctx, sequence, func([]byte) error { return nil })
}

// Open implements Settings.
func (s *Text) Open(sequence int) (Source, error) {
	c, err := s.corpus()
	if err != nil {
		return nil, err
	}
	return c.source(sequence)
}

func (s *Text) corpus() (c corpus, err error) {
	c = corpus{kind: kindOf("text", s.BOS, true), width: 1, vocab: byteVocab, bos: s.BOS,
		open: func(string) fileReader { return &textFile{} }}
	if s.Path.Written != "" {
		c.paths, err = files("path", s.Path)
		return c, err
	}
	path, err := opticks()
	c.paths = []string{path}
	return c, err
}

// opticks returns the path of Newton's Opticks in the Go distribution, after checking the file's SHA-256.
func opticks() (string, error) {
	root := os.Getenv("GOROOT")
	if root == "" {
		out, err := exec.Command("go", "env", "GOROOT").Output()
		if err != nil {
			return "", variant.Errorf("path", "is missing; it is then Newton's Opticks from the Go distribution, "+
				"but no go command was found: name a text file")
		}
		root = strings.TrimSpace(string(out))
	}
	path := filepath.Join(root, "src", "testdata", opticksName)
	content, err := regularfile.Read(path, 1<<20)
	if err != nil {
		return "", variant.Errorf("path", "is missing; it is then Newton's Opticks, "+
			"which this Go distribution does not carry (%v): name a text file", err)
	}
	if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != opticksSHA256 {
		return "", variant.Errorf("path", "is missing; it is then Newton's Opticks, "+
			"but %s is another edition (SHA-256 %x): name a text file", path, sum)
	}
	return path, nil
}

// textFile reads a file of text, in any encoding in which no byte is 0.
type textFile struct{ bytes int64 }

const anyBytes = "to take its bytes for tokens whatever they are, set data to {name: bin, dtype: uint8}"

func (*textFile) begin(head []byte, size int64) (skip int, err error) {
	if isUTF16(head) {
		return 0, errors.New("is UTF-16 text: write it as UTF-8 with iconv -f UTF-16 -t UTF-8")
	}
	if err := known(head, size); err != nil {
		return 0, fmt.Errorf("%w; %s", err, anyBytes)
	}
	return 0, nil
}

func (f *textFile) see(part []byte) error {
	if i := bytes.IndexByte(part, 0); i >= 0 {
		return fmt.Errorf("is not text: byte %d is 0, as in UTF-16 and in binary files: write it as UTF-8, or, %s",
			f.bytes+int64(i), anyBytes)
	}
	f.bytes += int64(len(part))
	return nil
}

func (*textFile) end() (vocab int, err error) { return byteVocab, nil }
