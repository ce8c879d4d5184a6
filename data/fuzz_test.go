package data

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// Opening any shard gives an error or a sound source: all tokens and targets are below its vocabulary, each target is
// the next token, and the digest succeeds too.
func FuzzBin(f *testing.F) {
	header := func(tokens int) []byte {
		h := make([]byte, llmcHeader)
		binary.LittleEndian.PutUint32(h, llmcMagic)
		binary.LittleEndian.PutUint32(h[4:], 1)
		binary.LittleEndian.PutUint32(h[8:], uint32(tokens))
		return h
	}
	tokens := []byte{}
	for i := range 64 {
		tokens = binary.LittleEndian.AppendUint16(tokens, uint16(i*i%50))
	}
	f.Add(tokens, uint8(4), uint16(0), true)
	f.Add(append(header(64), tokens...), uint8(2), uint16(50), false)
	f.Add(append(header(65), tokens...), uint8(2), uint16(0), false)
	f.Add(tokens[:7], uint8(1), uint16(0), false)
	path := filepath.Join(f.TempDir(), "a.bin")
	f.Fuzz(func(t *testing.T, content []byte, context uint8, vocab uint16, bos bool) {
		if err := os.WriteFile(path, content, 0o666); err != nil {
			t.Fatal(err)
		}
		T := int(context)%64 + 1
		s := &Bin{Path: at(path), Vocab: int(vocab), BOS: bos}
		if err := s.Validate(); err != nil {
			t.Fatal(err)
		}
		digest, digesting := s.Digest()
		source, err := s.Open(T)
		if err != nil {
			return
		}
		if digesting != nil || digest == "" {
			t.Fatalf("the shard opens, but its digest is %q, %v", digest, digesting)
		}
		var b, again Batch
		source.Batch(&b, 1, 2, 3)
		source.Batch(&again, 1, 2, 3)
		if !slices.Equal(b.Tokens, again.Tokens) || !slices.Equal(b.Targets, again.Targets) {
			t.Fatal("the same seed and step give different batches")
		}
		for _, fill := range []func(){func() {}, func() { source.HeldOut(&b, 3) }} {
			fill()
			if len(b.Tokens) != 3*T || len(b.Targets) != 3*T || len(b.Class) != 3*T {
				t.Fatalf("%d tokens, %d targets, %d classes, want %d", len(b.Tokens), len(b.Targets), len(b.Class), 3*T)
			}
			for i := range b.Tokens {
				if b.Tokens[i] < 0 || int(b.Tokens[i]) >= source.Vocab() ||
					b.Targets[i] < 0 || int(b.Targets[i]) >= source.Vocab() {
					t.Fatalf("token %d, target %d of a vocabulary of %d", b.Tokens[i], b.Targets[i], source.Vocab())
				}
				if (i+1)%T != 0 && b.Targets[i] != b.Tokens[i+1] {
					t.Fatalf("the target at %d is %d, but the next token is %d", i, b.Targets[i], b.Tokens[i+1])
				}
			}
		}
	})
}
