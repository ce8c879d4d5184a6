package data

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"testing"
)

// Batches, held-out sequences and digests are part of every run's bits and id: a change of these sums needs a new
// trainer version. They are those of trainer version 4, before sources were surveyed.
func TestGoldenBatches(t *testing.T) {
	raw := make([]byte, 4000)
	for i := range raw {
		raw[i] = byte(97 + i*i%11)
	}
	wide := make([]byte, 0, 4000)
	for i := range 2000 {
		wide = binary.LittleEndian.AppendUint16(wide, uint16(i*i%3011))
	}
	for name, c := range map[string]struct {
		of          Settings
		batch, data string
	}{
		"generated": {&Backcopy{ChainSeed: 3, Vocab: 300, Triggers: 5}, "1fb4f4469d676739", "6e370b5da8a6ae0d"},
		"bigrams":   {&Backcopy{Vocab: 64, Triggers: 3, File: at(write(t, raw))}, "bf8605bb15c18f12", "9798c269838df3e9"},
		"text":      {&Text{Path: at(write(t, raw)), BOS: true}, "171572129b2afa8a", "e404d68ded1836a8"},
		"bytes":     {&Text{Path: at(write(t, raw))}, "0c224507d5ea13ff", "818393cdc25952f2"},
		"bin":       {&Bin{Path: at(write(t, wide))}, "3d26927aa527a52f", "297d038d9dc80591"},
		"bos":       {&Bin{Path: at(write(t, wide)), Vocab: 5000, BOS: true}, "96379d9d65423525", "09494a6e631147e1"},
	} {
		source, sum := open(t, c.of, 24), sha256.New()
		var b Batch
		for step := range 3 {
			source.Batch(&b, 7, step, 5)
			for i := range b.Tokens {
				sum.Write([]byte{byte(b.Class[i])})
				_ = binary.Write(sum, binary.LittleEndian, []int32{b.Tokens[i], b.Targets[i]})
			}
			source.HeldOut(&b, 2+step)
			_ = binary.Write(sum, binary.LittleEndian, b.Tokens)
		}
		for token := range int32(source.Vocab()) {
			_ = binary.Write(sum, binary.LittleEndian, source.Truth(token))
		}
		if got := hex.EncodeToString(sum.Sum(nil))[:16]; got != c.batch {
			t.Errorf("%s: batches %s, want %s", name, got, c.batch)
		}
		if got, err := c.of.Digest(); err != nil || got[:16] != c.data {
			t.Errorf("%s: digest %.16s, %v, want %s", name, got, err, c.data)
		}
	}
}
