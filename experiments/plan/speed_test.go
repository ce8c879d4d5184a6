package plan

import (
	"fmt"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/experiments/sweep"
)

// manyRuns returns a sweep of n runs, n a multiple of 100. Every run is a point of its own.
func manyRuns(n int) string {
	var lrs []string
	for i := range n / 100 {
		lrs = append(lrs, fmt.Sprintf("%g", 1e-4*float64(i+1)))
	}
	return "name: many\narms: {plain: {}, gated: {arch: {gate: g1}}}\ngrid:\n  optim.lr: [" + strings.Join(lrs, ", ") +
		"]\n  arch.layers: [1, 2, 3, 4, 5]\n  arch.norm: [rmsnorm, layernorm, ssnorm, none, {name: dyt, alpha: .5}]\n" +
		"  optim: [adamw, muon]\n"
}

func BenchmarkLoad(b *testing.B) {
	src := []byte(manyRuns(10000))
	for b.Loop() {
		if _, err := sweep.LoadBytes("s.yaml", src); err != nil {
			b.Fatal(err)
		}
	}
}
