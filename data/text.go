package data

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/outcrop-lab/outcrop/variant"
)

// Text reads texts as tokens: through a tokenizer, or without one each byte as a token. Each sequence starts with a
// BOS, the token after the last, unless BOS is false. The last tenth of all tokens is held out. If Path is empty, Text
// reads Newton's Opticks.
type Text struct {
	Path      variant.Path `json:"path" doc:"file or glob, relative to the sweep's file, or opticks or books, which ship; if empty, opticks"`
	Tokenizer variant.Path `json:"tokenizer" doc:"tokenizer.json, relative to the sweep's file, or one that ships; if empty, bytes are tokens"`
	BOS       bool         `json:"bos" doc:"start each sequence with a BOS, the token after the last"`
}

const byteVocab = 256

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
	if s.Tokenizer.Written == "" {
		return c.survey(ctx, sequence, func([]byte) error { return nil })
	}
	survey, f, err := c.encoded(ctx, s.Tokenizer, sequence)
	f.close()
	return survey, err
}

// Open implements Settings.
func (s *Text) Open(sequence int) (Source, error) {
	c, err := s.corpus()
	if err != nil {
		return nil, err
	}
	if s.Tokenizer.Written == "" {
		return c.source(sequence)
	}
	return c.encodedSource(s.Tokenizer, sequence)
}

func (s *Text) corpus() (c corpus, err error) {
	c = corpus{kind: kindOf("text", s.BOS, true), width: 1, vocab: byteVocab, bos: s.BOS,
		text: func(token int32) []byte { return []byte{byte(token)} },
		open: func(origin) fileReader { return &textFile{} }}
	switch {
	case s.Path.Written == "":
		c.from = []origin{{name: "opticks", ships: true}}
	case s.Path.Ships():
		c.from = []origin{{name: s.Path.Written, ships: true}}
	default:
		var paths []string
		paths, err = files("path", s.Path)
		c.from = origins(paths)
	}
	return c, err
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
