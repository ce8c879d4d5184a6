package data

import (
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/outcrop-lab/outcrop/variant"
)

// Bin reads shards of uint16 tokens. Path names them by a file name or a glob. A shard is in the format of llm.c if it
// starts with the magic 20240520, and otherwise in that of nanoGPT, which has no header. The header of llm.c is 256
// int32: the magic, the version (1), the number of tokens, and padding. The file must hold exactly the number of tokens
// that its header states. The last tenth of all tokens is held out.
type Bin struct {
	Path  string `json:"path" doc:"file or glob of token shards"`
	Vocab int    `json:"vocab" doc:"vocabulary size, without a BOS; 0 is the largest token in the shards plus one"`
	BOS   bool   `json:"bos" doc:"start each sequence with a BOS token, numbered after the last of the vocabulary"`
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
	if s.Path == "" {
		return variant.Errorf("path", "is missing: name a file of uint16 tokens, or a pattern such as data/*.bin")
	}
	if s.Vocab < 0 || s.Vocab > 1<<16 {
		return variant.Errorf("vocab", "must be from 0 to 65536, is %d", s.Vocab)
	}
	return nil
}

// Digest implements Settings. It returns an error if a shard is incomplete.
func (s *Bin) Digest() (string, error) {
	paths, _, err := s.read()
	if err != nil {
		return "", err
	}
	return digestOf(kindOf("bin", s.BOS, false), paths)
}

// Open implements Settings.
func (s *Bin) Open(context int) (Source, error) {
	paths, tokens, err := s.read()
	if err != nil {
		return nil, err
	}
	vocab := int(slices.Max(tokens)) + 1
	if s.Vocab > 0 && s.Vocab < vocab {
		return nil, fmt.Errorf("data: %s holds token %d, but data.vocab is %d",
			strings.Join(paths, " "), vocab-1, s.Vocab)
	}
	return newWindows(tokens, max(vocab, s.Vocab), s.BOS, context, strings.Join(paths, " "))
}

// read returns the shards' paths, sorted, and their tokens in that order.
func (s *Bin) read() (paths []string, tokens []uint16, err error) {
	if paths, err = files(s.Path); err != nil {
		return nil, nil, err
	}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, nil, fmt.Errorf("data: %w", err)
		}
		part, err := shard(content)
		if err != nil {
			return nil, nil, fmt.Errorf("data: %s: %w", path, err)
		}
		tokens = append(tokens, part...)
	}
	return paths, tokens, nil
}

// shard returns the tokens of one file.
func shard(content []byte) ([]uint16, error) {
	if len(content) == 0 {
		return nil, fmt.Errorf("the shard is empty")
	}
	magic := uint32(0)
	if len(content) >= 4 {
		magic = binary.LittleEndian.Uint32(content)
	}
	if kind, ok := otherMagics[magic]; ok {
		return nil, fmt.Errorf("this is %s (magic %d); only uint16 tokens, headerless or with magic %d, are supported",
			kind, magic, llmcMagic)
	}
	if magic == llmcMagic {
		if len(content) < llmcHeader {
			return nil, fmt.Errorf("the shard is truncated: an llm.c header takes %d bytes, the file has %d",
				llmcHeader, len(content))
		}
		version, count := binary.LittleEndian.Uint32(content[4:]), int64(binary.LittleEndian.Uint32(content[8:]))
		if version != 1 {
			return nil, fmt.Errorf("this is an llm.c shard of version %d; only version 1 (uint16) is supported", version)
		}
		if have := int64(len(content)-llmcHeader) / 2; have != count || len(content)%2 != 0 || count == 0 {
			return nil, fmt.Errorf("the shard is truncated or damaged: its header says %d tokens, the file holds %d",
				count, have)
		}
		content = content[llmcHeader:]
	}
	if len(content)%2 != 0 {
		return nil, fmt.Errorf("the shard is truncated: %d bytes are not a whole number of uint16 tokens", len(content))
	}
	tokens := make([]uint16, len(content)/2)
	for i := range tokens {
		tokens[i] = binary.LittleEndian.Uint16(content[2*i:])
	}
	return tokens, nil
}
