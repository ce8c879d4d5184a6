package data

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/outcrop-lab/outcrop/count"
	"github.com/outcrop-lab/outcrop/regularfile"
	"github.com/outcrop-lab/outcrop/variant"
)

// Bin reads shards of little-endian tokens. Path names them by a file name or a glob. A shard starts with the header of
// llm.c, which says the type and number of its tokens, or has no header, as those of nanoGPT and Megatron. A file that
// is known to be something else, or whose first megabyte looks as if its tokens were of another type, is refused;
// tokens of uint8 are any bytes. The last tenth of all tokens is held out.
type Bin struct {
	Path  variant.Path `json:"path" doc:"file or glob of token shards, relative to the sweep's file"`
	Dtype string       `json:"dtype" enum:"uint8,uint16,uint32" doc:"type of the tokens, little-endian"`
	Vocab int          `json:"vocab" doc:"vocabulary size, without a BOS; 0 is the largest token in the shards plus one"`
	BOS   bool         `json:"bos" doc:"start each sequence with a BOS token, numbered after the last of the vocabulary"`
}

// mostTokens is the largest vocabulary. Those of known tokenizers are below 300,000.
const mostTokens = 1 << 20

// width returns the bytes of a token.
func (s *Bin) width() int {
	switch s.Dtype {
	case "uint8":
		return 1
	case "uint32":
		return 4
	default:
		return 2
	}
}

// Validate implements Settings.
func (s *Bin) Validate() error {
	if s.Path.Written == "" {
		return variant.Errorf("path", "is missing: name a file of uint16 tokens, or a pattern such as data/*.bin")
	}
	if most := min(mostTokens, 1<<(8*s.width())); s.Vocab < 0 || s.Vocab > most {
		return variant.Errorf("vocab", "must be from 0 to %d, is %d", most, s.Vocab)
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
	kind := kindOf("bin", s.BOS, false)
	if s.width() != 2 { // digests made before the key existed stay valid
		kind += " dtype=" + s.Dtype
	}
	return corpus{from: origins(paths), kind: kind, width: s.width(), vocab: s.Vocab, bos: s.BOS,
		open: func(from origin) fileReader { return &shardFile{path: from.name, width: s.width()} }}, err
}

// shardFile reads a shard.
type shardFile struct {
	path    string
	width   int
	tokens  int
	largest uint32
	at      int // the first place of the largest token
}

func (f *shardFile) begin(head []byte, size int64) (skip int, err error) {
	switch {
	case size == 0:
		return 0, errors.New("is empty")
	case f.width == 1: // any bytes are tokens
		return 0, nil
	}
	if err := known(head, size); err != nil {
		return 0, err
	}
	if err := f.index(); err != nil {
		return 0, err
	}
	if skip, err = headerOf(head, size, f.width); err != nil {
		return 0, err
	}
	if skip == 0 {
		err = misread(head, f.width)
	}
	if err == nil && size%int64(f.width) != 0 {
		err = fmt.Errorf("is truncated: %s %s not a whole number of uint%d tokens", count.Of(size, "byte"),
			count.Agree(size, "is", "are"), 8*f.width)
	}
	return skip, err
}

// index checks that Megatron's index of the shard, if there is one beside it, says the same type of tokens.
func (f *shardFile) index() error {
	base, isBin := strings.CutSuffix(f.path, ".bin")
	if !isBin {
		return nil
	}
	index, size, err := regularfile.Open(base + ".idx")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	defer func() { _ = index.Close() }()
	const magic = "MMIDIDX\x00\x00" // then the version, uint64, and the type
	head := make([]byte, len(magic)+9)
	if _, err := index.ReadAt(head, 0); err != nil || size < int64(len(head)) || string(head[:len(magic)]) != magic {
		return nil // of another program
	}
	of := map[byte]int{1: 1, 4: 4, 8: 2}[head[len(magic)+8]] // uint8, int32, uint16
	switch of {
	case f.width:
		return nil
	case 0:
		return fmt.Errorf("is one of Megatron's files of tokens that are neither uint8, uint16 nor int32, as %s.idx says: "+
			"write them so", base)
	default:
		return fmt.Errorf("holds tokens of %s, as %s.idx says: set data.dtype to uint%d", count.Of(of, "byte"), base, 8*of)
	}
}

func (f *shardFile) see(part []byte) error {
	switch f.width {
	case 1:
		for i, b := range part {
			f.note(uint32(b), i)
		}
	case 2:
		for i := 0; i+2 <= len(part); i += 2 {
			f.note(uint32(binary.LittleEndian.Uint16(part[i:])), i/2)
		}
	default:
		for i := 0; i+4 <= len(part); i += 4 {
			f.note(binary.LittleEndian.Uint32(part[i:]), i/4)
		}
	}
	f.tokens += len(part) / f.width
	return nil
}

// note keeps the largest token and its place; i counts from the present piece's beginning.
func (f *shardFile) note(token uint32, i int) {
	if token > f.largest {
		f.largest, f.at = token, f.tokens+i
	}
}

func (f *shardFile) end() (vocab int, err error) {
	if f.largest >= mostTokens {
		return 0, fmt.Errorf("holds %d as token %d, but no vocabulary has more than %d: "+
			"these are no uint%d tokens: see data.dtype", f.largest, f.at, mostTokens, 8*f.width)
	}
	return int(f.largest) + 1, nil
}
