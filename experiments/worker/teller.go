package worker

import (
	"bytes"
	"io"
)

// toldBefore is how many lines wait at most to be read by the coordinator: those of some ten seconds.
const toldBefore = 64

// teller hands lines to the coordinator without ever waiting for it. A coordinator that sleeps does not read; once the
// pipe to it is full, a worker that waited would stop training, and keep its run's folder locked.
type teller struct {
	lines chan []byte
	ended chan struct{}
}

// tell returns a teller that writes to out.
func tell(out io.Writer) *teller {
	t := &teller{make(chan []byte, toldBefore), make(chan struct{})}
	go func() {
		defer close(t.ended)
		for line := range t.lines {
			_, _ = out.Write(line) // the coordinator may be gone
		}
	}()
	return t
}

// Write hands over one line, or drops it if too many lines wait. It never fails.
func (t *teller) Write(line []byte) (int, error) {
	select {
	case t.lines <- bytes.Clone(line):
	default:
	}
	return len(line), nil
}

// close waits until all lines are written.
func (t *teller) close() {
	close(t.lines)
	<-t.ended
}
