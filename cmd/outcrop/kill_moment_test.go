package main

import (
	"bytes"
	"encoding/binary"
	"os"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// watch returns a function that waits for an event in a folder after skipping some, or for the end of the worker.
func (v *victim) watch(folder string, mask uint32, file string, pass int) func(ended <-chan struct{}) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		v.t.Fatal(err)
	}
	if _, err := unix.InotifyAddWatch(fd, folder, mask); err != nil {
		v.t.Fatal(err)
	}
	return func(ended <-chan struct{}) {
		defer func() { _ = unix.Close(fd) }()
		events := make([]byte, 64<<10)
		for {
			select {
			case <-ended:
				return
			default:
			}
			if n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 20); n < 1 || err != nil {
				continue
			}
			n, err := unix.Read(fd, events)
			if err != nil {
				continue
			}
			for at := 0; at+unix.SizeofInotifyEvent <= n; {
				length := int(binary.NativeEndian.Uint32(events[at+int(unsafe.Offsetof(unix.InotifyEvent{}.Len)):]))
				name := string(bytes.TrimRight(events[at+unix.SizeofInotifyEvent:at+unix.SizeofInotifyEvent+length], "\x00"))
				if at += unix.SizeofInotifyEvent + length; !strings.HasSuffix(name, file) {
					continue
				}
				if pass--; pass < 0 {
					return
				}
			}
		}
	}
}

// growth returns a function that waits until a file grows after skipping some growths, or for the end of the worker. It
// polls without a pause, because a transaction's pages follow each other within microseconds.
func growth(path string, pass int) func(ended <-chan struct{}) {
	return func(ended <-chan struct{}) {
		for size := int64(0); ; {
			select {
			case <-ended:
				return
			default:
			}
			info, err := os.Stat(path)
			if err != nil || info.Size() <= size {
				continue
			}
			if size = info.Size(); pass == 0 {
				return
			}
			pass--
		}
	}
}

// half reports whether a write-ahead log ends in frames without a commit. Its format is described at
// sqlite.org/fileformat2.html#walformat: a header of 32 bytes with salts at byte 16, then frames of 24 bytes and a
// page. A valid frame repeats the salts at byte 8. A frame that commits holds the database's size at byte 4; the
// others hold 0.
func half(t *testing.T, path string) bool {
	t.Helper()
	log, err := os.ReadFile(path)
	if err != nil || len(log) < 32 {
		return false
	}
	page := int(binary.BigEndian.Uint32(log[8:]))
	open := false
	for at := 32; at+24 <= len(log) && bytes.Equal(log[at+8:at+16], log[16:24]); at += 24 + page {
		open = binary.BigEndian.Uint32(log[at+4:]) == 0
	}
	return open
}
