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
		Formula: "windows of uint16 token shards; with bos, each starts with a BOS",
		Source:  "the formats of nanoGPT and llm.c"},
	"text": {New: func() Settings { return &Text{BOS: true} },
		Formula: "BOS (unless bos is false), then a window of a file's bytes", Source: "common practice"},
}

// Default returns the bigram-backcopy task, which needs no file.
func Default() Config { return Config{Slot: variant.New("data source", sources, "backcopy")} }

// resize sets the length to n positions, without allocating if the capacity suffices.
func (b *Batch) resize(n int) {
	b.Tokens = slices.Grow(b.Tokens[:0], n)[:n]
	b.Targets = slices.Grow(b.Targets[:0], n)[:n]
	b.Class = slices.Grow(b.Class[:0], n)[:n]
}

// Training and held-out sequences are drawn from streams of different purposes, so that no training batch uses the
// held-out stream.
const (
	heldOutSeed    = 0
	heldOutPurpose = "heldout"
	trainPurpose   = "data"
)

// heldOutStream returns the stream of one held-out sequence; it does not depend on the run's seed.
func heldOutStream(sequence int) rng.Stream { return rng.New(heldOutSeed, heldOutPurpose).At(sequence) }

// files returns the files that a path or glob names, sorted. An existing file of exactly that name takes precedence
// over the glob. If there is no file, the error names the path.
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

// kindOf returns the name of a source of windows for its digest. The name includes the BOS setting only if that differs
// from the source's default, so that digests made before the setting existed stay valid.
func kindOf(name string, bos, usual bool) string {
	if bos == usual {
		return name
	}
	return fmt.Sprintf("%s bos=%v", name, bos)
}

// digestOf returns the SHA-256 (hex) of kind, which spells the source's parameters, and of the files' own SHA-256 sums.
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
