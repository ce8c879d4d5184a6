package data

import (
	"bytes"
	"syscall"
	"testing"
)

// processor returns the processor time that this process has used, in seconds.
func processor(b *testing.B) float64 {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Sec+u.Stime.Sec) + 1e-6*float64(u.Utime.Usec+u.Stime.Usec)
}

// BenchmarkCorpus reports the processor seconds that it takes to check a byte of tokens and to load it.
func BenchmarkCorpus(b *testing.B) {
	const size = 64 << 20
	path := write(b, bytes.Repeat([]byte{4, 1, 3, 2}, size/4))
	begun := processor(b)
	for b.Loop() {
		s := &Bin{Path: at(path)}
		if _, err := s.Digest(); err != nil {
			b.Fatal(err)
		}
		if _, err := s.Open(64); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric((processor(b)-begun)/float64(b.N)/size*1e9, "ns/byte")
}

// BenchmarkChain reports the processor seconds that it takes to make an entry of a chain.
func BenchmarkChain(b *testing.B) {
	const vocab = 1024
	begun := processor(b)
	for b.Loop() {
		if _, err := (&Backcopy{Vocab: vocab, Triggers: 3}).Open(64); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric((processor(b)-begun)/float64(b.N)/vocab/vocab*1e9, "ns/entry")
}
