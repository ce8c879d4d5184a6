//go:build !linux

package compute

import "runtime"

// Quiet prepares a process for training.
func Quiet() { runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1) }
