package compute

import "golang.org/x/sys/unix"

// wantHugePages is advice: without huge pages the memory only costs more to touch first, so an error changes nothing.
func wantHugePages(m []byte) { _ = unix.Madvise(m, unix.MADV_HUGEPAGE) }
