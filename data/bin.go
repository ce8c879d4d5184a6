package data

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/outcrop-lab/outcrop/variant"
)

// Bin reads shards of uint16 tokens. Path names them by a file name or a glob. A shard is in the format of llm.c if it
// starts with the magic 20240520, and otherwise in that of nanoGPT, which has no header. The header of llm.c is 256
// int32: the magic, the version (1), the number of tokens, and padding. The file must hold exactly the number of tokens
// that its header states. The last tenth of all tokens is held out.
type Bin struct {
	Path  variant.Path `json:"path" doc:"file or glob of token shards, relative to the sweep's file"`
	Vocab int          `json:"vocab" doc:"vocabulary size, without a BOS; 0 is the largest token in the shards plus one"`
	BOS   bool         `json:"bos" doc:"start each sequence with a BOS token, numbered after the last of the vocabulary"`
}

const (
	llmcMagic  = 20240520
	llmcHeader = 1024 // bytes
)

// otherMagics are the magics of llm.c files with other contents. Read as two uint16, each begins with a token above
// 55,000, beyond GPT-2's vocabulary, so that a headerless shard of GPT-2 tokens never matches.
var otherMagics = map[uint32]string{
	20240522: "an llm.c evaluation file",
	20240801: "an llm.c shard of uint32 tokens",
}

// Validate implements Settings.
func (s *Bin) Validate() error {
	if s.Path.Written == "" {
		return variant.Errorf("path", "is missing: name a file of uint16 tokens, or a pattern such as data/*.bin")
	}
	if s.Vocab < 0 || s.Vocab > 1<<16 {
		return variant.Errorf("vocab", "must be from 0 to 65536, is %d", s.Vocab)
	}
	return nil
}

// Digest implements Settings.
func (s *Bin) Digest() (string, error) {
	survey, err := s.Survey(context.Background(), 0)
	return survey.Digest, err
}

// Survey implements Settings.
func (s *Bin) Survey(ctx context.Context, sequence int) (Survey, error) {
	c, err := s.corpus()
	if err != nil {
		return Survey{}, err
	}
	return c.survey(ctx, sequence, func([]byte) error { return nil })
}

// Open implements Settings.
func (s *Bin) Open(sequence int) (Source, error) {
	c, err := s.corpus()
	if err != nil {
		return nil, err
	}
	return c.source(sequence)
}

func (s *Bin) corpus() (corpus, error) {
	paths, err := files("path", s.Path)
	return corpus{paths: paths, kind: kindOf("bin", s.BOS, false), width: 2, vocab: s.Vocab, bos: s.BOS,
		open: func() fileReader { return &shardFile{} }}, err
}

// shardFile reads a shard.
type shardFile struct{ largest uint16 }

func (f *shardFile) begin(part []byte, size int64) (skip int, err error) {
	if size == 0 {
		return 0, fmt.Errorf("the shard is empty")
	}
	magic := uint32(0)
	if len(part) >= 4 {
		magic = binary.LittleEndian.Uint32(part)
	}
	if kind, ok := otherMagics[magic]; ok {
		return 0, fmt.Errorf("this is %s (magic %d); only uint16 tokens, headerless or with magic %d, are supported",
			kind, magic, llmcMagic)
	}
	if magic == llmcMagic {
		if len(part) < llmcHeader {
			return 0, fmt.Errorf("the shard is truncated: an llm.c header takes %d bytes, the file has %d", llmcHeader, size)
		}
		version, count := binary.LittleEndian.Uint32(part[4:]), int64(binary.LittleEndian.Uint32(part[8:]))
		if version != 1 {
			return 0, fmt.Errorf("this is an llm.c shard of version %d; only version 1 (uint16) is supported", version)
		}
		if have := (size - llmcHeader) / 2; have != count || size%2 != 0 || count == 0 {
			return 0, fmt.Errorf("the shard is truncated or damaged: its header says %d tokens, the file holds %d", count, have)
		}
		skip = llmcHeader
	}
	if size%2 != 0 {
		return 0, fmt.Errorf("the shard is truncated: %d bytes are not a whole number of uint16 tokens", size)
	}
	return skip, nil
}

func (f *shardFile) see(part []byte) {
	for i := 0; i < len(part); i += 2 {
		f.largest = max(f.largest, binary.LittleEndian.Uint16(part[i:]))
	}
}

func (f *shardFile) end() (vocab int, err error) { return int(f.largest) + 1, nil }
