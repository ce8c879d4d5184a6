package rng

import (
	"math"
	"testing"
)

func TestStreams(t *testing.T) {
	base := New(1, "data").Named("w").At(3)
	if base.Rand().Uint64() != New(1, "data").At(3).Named("w").Rand().Uint64() {
		t.Error("equal streams differ")
	}
	first := map[uint64]string{base.Rand().Uint64(): "base"}
	for name, s := range map[string]Stream{
		"seed":    New(2, "data").Named("w").At(3),
		"purpose": New(1, "heldout").Named("w").At(3),
		"name":    New(1, "data").Named("v").At(3),
		"no name": New(1, "data").At(3),
		"step":    New(1, "data").Named("w").At(4),
		"split":   New(1, "data").Named("").Named("w").At(3),
	} {
		x := s.Rand().Uint64()
		if other, ok := first[x]; ok {
			t.Errorf("%s and %s give the same number", name, other)
		}
		first[x] = name
	}
}

// Reset discards the generator's state, whatever was drawn before, and allocates nothing.
func TestReset(t *testing.T) {
	a, b := New(1, "data").At(7), New(1, "data").At(8)
	want, r := a.Rand(), b.Rand()
	for range 13 {
		r.Uint32()
		r.NormFloat64()
	}
	r.Reset(a)
	for i := range 100 {
		if x, y := r.Uint64(), want.Uint64(); x != y {
			t.Fatalf("number %d: %d, want %d", i, x, y)
		}
	}
	if n := testing.AllocsPerRun(20, func() { r.Reset(b); r.Float64() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// 100,000 normal numbers have mean 0 and variance 1, within five standard errors (.0032 and .0045).
func TestMoments(t *testing.T) {
	const n = 100_000
	r, sum, squares := New(0, "test").Rand(), 0.0, 0.0
	for range n {
		x := r.NormFloat64()
		sum, squares = sum+x, squares+x*x
	}
	if math.Abs(sum/n) > .016 || math.Abs(squares/n-1) > .0225 {
		t.Errorf("mean %v, mean square %v", sum/n, squares/n)
	}
}

// One stream still yields the numbers that this package first gave: old runs must stay reproducible.
func TestGolden(t *testing.T) {
	r := New(42, "init").Named("blocks.0.attn.q").At(5).Rand()
	for i, want := range []uint64{0x3a73cac3489f83bd, 0x577da7be1db60029, 0xfff047be405b6ed4} {
		if got := r.Uint64(); got != want {
			t.Errorf("number %d: %d, want %d", i, got, want)
		}
	}
}
