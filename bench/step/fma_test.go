package main

import (
	"runtime"
	"testing"

	"github.com/outcrop-lab/outcrop/compute"
)

// A processor that does less than a thousand million a second ran something else, or the loop was optimised into one register.
func TestFMAPeak(t *testing.T) {
	for _, path := range compute.Paths() {
		if rate := fmaPeak(path); (rate > 1) != (runtime.GOARCH == "amd64") {
			t.Errorf("%s: %.1f GFLOP/s", path, rate)
		}
	}
	if rate := fmaPeak("abacus"); rate != 0 {
		t.Errorf("an unknown path reaches %v", rate)
	}
}
