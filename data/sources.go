package data

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/outcrop-lab/outcrop/rng"
	"github.com/outcrop-lab/outcrop/variant"
)

var sources = variant.Registry[Settings]{
	"backcopy": {
		New:     func() Settings { return &Backcopy{Vocab: 64, Triggers: 3} },
		Formula: "x_0 = BOS; after a trigger x_{t+1} = x_{t-1}, else x_{t+1} ~ P(.|x_t)",
		Source:  "2410.13835",
	},
	"bin": {New: func() Settings { return &Bin{} },
		Formula: "windows of uint16 token shards, with bos a BOS before each", Source: "the formats of nanoGPT and llm.c"},
	"text": {New: func() Settings { return &Text{BOS: true} },
		Formula: "BOS, unless bos is false, then a window of a file's bytes", Source: "the usual"},
}

// Default is the bigram-backcopy task, which needs no file.
func Default() Config { return Config{Slot: variant.New("data source", sources, "backcopy")} }

// resize makes room for n positions, without allocating where there is room.
func (b *Batch) resize(n int) {
	b.Tokens = slices.Grow(b.Tokens[:0], n)[:n]
	b.Targets = slices.Grow(b.Targets[:0], n)[:n]
	b.Class = slices.Grow(b.Class[:0], n)[:n]
}

// heldOutSeed and heldOutPurpose name the stream of held-out sequences, which no training batch uses.
const (
	heldOutSeed    = 0
	heldOutPurpose = "heldout"
	trainPurpose   = "data"
)

func heldOutStream(sequence int) rng.Stream { return rng.New(heldOutSeed, heldOutPurpose).At(sequence) }

// files expands a path or glob, sorted; a file of just that name goes first. None is an error that names the path.
func files(path string) ([]string, error) {
	if _, err := os.Stat(path); err == nil {
		return []string{path}, nil
	}
	names, err := filepath.Glob(path)
	if err != nil {
		return nil, fmt.Errorf("data: bad pattern %s: %w", path, err)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("data: no such file: %s", path)
	}
	return names, nil
}

// kindOf names a source of windows, and whether it has a BOS where that is not usual for it.
func kindOf(name string, bos, usual bool) string {
	if bos == usual {
		return name
	}
	return fmt.Sprintf("%s bos=%v", name, bos)
}

// digestOf is the SHA-256 of the kind, its parameters and the files' contents.
func digestOf(kind string, paths []string) (string, error) {
	h := sha256.New()
	_, _ = h.Write([]byte(kind))
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			return "", fmt.Errorf("data: %w", err)
		}
		sum := sha256.Sum256(content)
		_, _ = h.Write(sum[:])
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
