package data

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/outcrop-lab/outcrop/rng"
)

// Text reads the bytes of one or more files as tokens. Each sequence starts with a BOS (token 256) unless BOS is false.
// The last tenth of all bytes is held out. If Path is empty, Text reads Newton's Opticks, which the Go distribution
// carries for its own tests.
type Text struct {
	Path string `json:"path" doc:"file or glob; if empty, Newton's Opticks"`
	BOS  bool   `json:"bos" doc:"start each sequence with a BOS, token 256"`
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
	paths, err := s.paths()
	if err != nil {
		return "", err
	}
	return digestOf(kindOf("text", s.BOS, true), paths)
}

// Open implements Settings.
func (s *Text) Open(context int) (Source, error) {
	paths, err := s.paths()
	if err != nil {
		return nil, err
	}
	var tokens []uint16
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("data: %w", err)
		}
		for _, b := range content {
			tokens = append(tokens, uint16(b))
		}
	}
	return newWindows(tokens, byteVocab, s.BOS, context, strings.Join(paths, " "))
}

func (s *Text) paths() ([]string, error) {
	if s.Path != "" {
		return files(s.Path)
	}
	path, err := opticks()
	return []string{path}, err
}

// opticks returns the path of Newton's Opticks in the Go distribution, after checking the file's SHA-256.
func opticks() (string, error) {
	root := os.Getenv("GOROOT")
	if root == "" {
		out, err := exec.Command("go", "env", "GOROOT").Output()
		if err != nil {
			return "", errors.New("data: text without a path is Newton's Opticks from the Go distribution, " +
				"but no go command was found: set data.path to a text file")
		}
		root = strings.TrimSpace(string(out))
	}
	path := filepath.Join(root, "src", "testdata", opticksName)
	content, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf(
			"data: this Go distribution does not carry Newton's Opticks: set data.path to a text file: %w", err)
	}
	if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != opticksSHA256 {
		return "", fmt.Errorf("data: %s is not the expected edition (SHA-256 %x): set data.path to a text file", path, sum)
	}
	return path, nil
}

// windows is a source of random stretches of one long run of tokens, each after a BOS if bos is not -1.
type windows struct {
	tokens  []uint16
	train   int // tokens before this one are for training
	vocab   int
	bos     int32 // -1 for none
	context int
	rand    *rng.Rand
}

// newWindows returns a source over tokens, all below vocab. If bos is true, the BOS is token vocab. path names the
// tokens in errors.
func newWindows(tokens []uint16, vocab int, bos bool, context int, path string) (*windows, error) {
	train := len(tokens) - len(tokens)/10
	if need := context + 1; train < need || len(tokens)-train < need {
		return nil, fmt.Errorf("data: %s holds %d tokens, too few for a context of %d: the held-out tenth alone needs %d",
			path, len(tokens), context, need)
	}
	w := &windows{tokens: tokens, train: train, vocab: vocab, bos: -1, context: context, rand: heldOutStream(0).Rand()}
	if bos {
		w.bos, w.vocab = int32(vocab), vocab+1
	}
	return w, nil
}

// Vocab implements Source.
func (w *windows) Vocab() int { return w.vocab }

// Truth implements Source.
func (w *windows) Truth(int32) []float64 { return nil }

// Batch implements Source.
func (w *windows) Batch(b *Batch, seed uint64, step, n int) {
	b.resize(n * w.context)
	w.rand.Reset(rng.New(seed, trainPurpose).At(step))
	for i := range n {
		w.window(b, i*w.context, w.tokens[:w.train])
	}
}

// HeldOut implements Source.
func (w *windows) HeldOut(b *Batch, n int) {
	b.resize(n * w.context)
	for i := range n {
		w.rand.Reset(heldOutStream(i))
		w.window(b, i*w.context, w.tokens[w.train:])
	}
}

// window fills the sequence at position at of b with a random stretch of part.
func (w *windows) window(b *Batch, at int, part []uint16) {
	from := w.rand.IntN(len(part) - w.context)
	for i := range w.context {
		b.Targets[at+i], b.Class[at+i] = int32(part[from+i]), Ordinary
		if w.bos < 0 {
			b.Tokens[at+i], b.Targets[at+i] = int32(part[from+i]), int32(part[from+i+1])
		} else if i > 0 {
			b.Tokens[at+i] = int32(part[from+i-1])
		}
	}
	if w.bos >= 0 {
		b.Tokens[at], b.Class[at] = w.bos, BOS
	}
}
