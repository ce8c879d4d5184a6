//go:build !linux

package compute

import "runtime"

// Quiet readies a process for training.
func Quiet() { runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1) }
