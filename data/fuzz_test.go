package data

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// Opening any shard gives an error or a sound source, in the words of its survey.
func FuzzBin(f *testing.F) {
	tokens := []byte{}
	for i := range 64 {
		tokens = binary.LittleEndian.AppendUint16(tokens, uint16(i*i%50))
	}
	f.Add(tokens, uint8(4), uint16(0), true)
	f.Add(append(header(20240520, 1, 64), tokens...), uint8(2), uint16(50), false)
	f.Add(append(header(20240520, 1, 65), tokens...), uint8(2), uint16(0), false)
	f.Add(tokens[:7], uint8(1), uint16(0), false)
	f.Add(append(header(20240801, 7, 32), tokens...), uint8(130), uint16(0), false)
	f.Add([]byte("\x93NUMPY\x01\x00v\x00{'descr': '<u2'}"), uint8(70), uint16(0), true)
	path := filepath.Join(f.TempDir(), "a.bin")
	f.Fuzz(func(t *testing.T, content []byte, context uint8, vocab uint16, bos bool) {
		if err := os.WriteFile(path, content, 0o666); err != nil {
			t.Fatal(err)
		}
		dtype := []string{"uint16", "uint8", "uint32", "uint16"}[context/64]
		s := &Bin{Path: at(path), Dtype: dtype, Vocab: int(vocab), BOS: bos}
		if dtype == "uint8" {
			s.Vocab %= 257
		}
		sound(t, s, int(context)%64+1)
	})
}

// So does opening any text.
func FuzzText(f *testing.F) {
	f.Add([]byte("any text, any text, any text"), uint8(1), true)
	f.Add([]byte("\xff\xfea\x00b\x00"), uint8(1), true)
	f.Add([]byte("PK\x03\x04"), uint8(0), false)
	f.Add([]byte("d\xe9j\xe0 vu\r\n"), uint8(0), false)
	path := filepath.Join(f.TempDir(), "a.txt")
	f.Fuzz(func(t *testing.T, content []byte, context uint8, bos bool) {
		if err := os.WriteFile(path, content, 0o666); err != nil {
			t.Fatal(err)
		}
		sound(t, &Text{Path: at(path), BOS: bos}, int(context)%64+1)
		sound(t, &Backcopy{Vocab: 4, Triggers: 1, File: at(path)}, int(context)%64+1)
	})
}

// sound opens a source with sequences of T tokens. If it opens, its survey succeeds too and says the same, all tokens
// and targets are below its vocabulary, and each target is the next token.
func sound(t *testing.T, s Settings, T int) {
	t.Helper()
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	survey, surveying := s.Survey(t.Context(), T)
	source, err := s.Open(T)
	if (err == nil) != (surveying == nil) {
		t.Fatalf("the survey says %v, opening %v", surveying, err)
	}
	if err != nil {
		return
	}
	if digest, err := s.Digest(); err != nil || digest != survey.Digest || source.Vocab() != survey.Vocab ||
		(source.Truth(0) != nil || source.Truth(1) != nil) != survey.Truth {
		t.Fatalf("%d tokens, digest %s, %v; the survey says %+v", source.Vocab(), digest, err, survey)
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
}
