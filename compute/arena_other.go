//go:build !linux

package compute

func wantHugePages([]byte) {}
