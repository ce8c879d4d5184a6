package main

import (
	"runtime"
	"testing"

	"github.com/outcrop-lab/outcrop/compute"
)

// A rate below 1 GFLOP/s means that the processor ran something else, or that the compiler reduced the loop to one
// register.
func TestFMARate(t *testing.T) {
	for _, path := range compute.Paths() {
		for _, precision := range []compute.Precision{compute.Float32, compute.BF16} {
			has := runtime.GOARCH == "amd64" && compute.Can(path, precision) == nil
			if rate := fmaRate(path, string(precision))(); (rate > 1) != has {
				t.Errorf("%s, %s: %.1f GFLOP/s", path, precision, rate)
			}
		}
	}
	if rate := fmaRate("abacus", "float32")(); rate != 0 {
		t.Errorf("an unknown path has rate %v", rate)
	}
}
