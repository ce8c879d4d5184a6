package folder

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/outcrop-lab/outcrop/store"
)

// Note is one line of a run's log. Loss is in nats per token; it is 0 in a line without a loss.
type Note struct {
	Time   time.Time `json:"time"`
	Status string    `json:"status"`
	Step   int       `json:"step"`
	Loss   float64   `json:"loss"`
}

// Live is the state of a run according to the run's folder, which is ahead of the database while the run trains.
type Live struct {
	// Held is true while a process works in the folder.
	Held bool
	// Last is the last complete line of the log, or the zero Note if there is none.
	Last Note
	// Rate is the number of steps a second, computed from the last lines of the log that the present session wrote. It
	// is NaN if there are too few such lines.
	Rate float64
}

// tail is how many bytes are read from the end of a log: some fifty lines.
const tail = 8 << 10

// ReadLive reads the lock and the end of the log in a run's folder. If there is no folder, Held is false, Last is zero
// and Rate is NaN.
func ReadLive(dir string) (Live, error) {
	l := Live{Rate: math.NaN()}
	held, err := Held(dir)
	if err != nil {
		return l, err
	}
	l.Held = held
	end, err := endOf(filepath.Join(dir, Log), tail)
	if err != nil {
		return l, err
	}
	var first Note
	for line := range bytes.Lines(end) {
		var n Note
		if line[len(line)-1] != '\n' || json.Unmarshal(line, &n) != nil {
			continue // half of a line, at either end
		}
		switch {
		case n.Status != store.Running:
			first = Note{}
		case first.Status == "":
			first = n
		}
		l.Last = n
	}
	if took := l.Last.Time.Sub(first.Time).Seconds(); first.Status != "" && took > 0 && l.Last.Step > first.Step {
		l.Rate = float64(l.Last.Step-first.Step) / took
	}
	return l, nil
}

// endOf returns the last bytes of a file; nil if there is no file.
func endOf(path string, bytes int64) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("folder: %w", err)
	}
	defer func() { _ = f.Close() }()
	if size, err := f.Seek(0, io.SeekEnd); err != nil {
		return nil, fmt.Errorf("folder: %w", err)
	} else if _, err := f.Seek(max(0, size-bytes), io.SeekStart); err != nil {
		return nil, fmt.Errorf("folder: %w", err)
	}
	end, err := io.ReadAll(f)
	if err != nil {
		return nil, fmt.Errorf("folder: %s: %w", path, err)
	}
	return end, nil
}

// Status returns "running" if the run is unsettled and its folder is held, and "lost" if its folder is not held and has
// the log of a worker, but the database knows the run only as planned. Otherwise it returns the argument stored, which
// is the run's status according to the database and the lease.
func (l Live) Status(stored string) string {
	switch {
	case l.Held && !store.Settled(stored): // a settled run whose folder is held is being measured again
		return store.Running
	case stored == store.Planned && l.Last.Status != "": // its coordinator died before it merged anything
		return store.Lost
	}
	return stored
}
