package experiments

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

	"golang.org/x/sys/unix"

	"github.com/outcrop-lab/outcrop/store"
)

// Note is one line of a run's log. Loss is in nats per token, 0 where there is none.
type Note struct {
	Time   time.Time `json:"time"`
	Status string    `json:"status"`
	Step   int       `json:"step"`
	Loss   float64   `json:"loss"`
}

// Live is what a run's folder tells of it, which is fresher than the database while the run trains.
type Live struct {
	// Held says that a process works in the folder.
	Held bool
	// Last is the last line of the log; zero where there is none.
	Last Note
	// Rate is in steps a second, over the present session's last lines of the log; NaN where they do not tell.
	Rate float64
}

// tail is how many bytes of a log's end are read: some fifty lines.
const tail = 8 << 10

// ReadLive reads the lock and the end of the log in a run's folder. A folder that is not there tells nothing.
func ReadLive(dir string) (Live, error) {
	l := Live{Rate: math.NaN()}
	held, err := heldBy(dir)
	if err != nil {
		return l, err
	}
	l.Held = held
	f, err := os.Open(filepath.Join(dir, logFile))
	if errors.Is(err, os.ErrNotExist) {
		return l, nil
	}
	if err != nil {
		return l, fmt.Errorf("experiments: %w", err)
	}
	defer func() { _ = f.Close() }()
	if size, err := f.Seek(0, io.SeekEnd); err != nil {
		return l, fmt.Errorf("experiments: %w", err)
	} else if _, err := f.Seek(max(0, size-tail), io.SeekStart); err != nil {
		return l, fmt.Errorf("experiments: %w", err)
	}
	end, err := io.ReadAll(f)
	if err != nil {
		return l, fmt.Errorf("experiments: %s: %w", f.Name(), err)
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

// State corrects the state that the database and the lease give by the folder: what is held is running.
func (l Live) State(stored string) string {
	if l.Held && !Settled(stored) { // of a settled run the lock says that it is measured again
		return store.Running
	}
	return stored
}

// heldBy tells whether a process works in a run's folder.
func heldBy(dir string) (bool, error) {
	f, err := os.Open(filepath.Join(dir, "lock"))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("experiments: %w", err)
	}
	defer func() { _ = f.Close() }()
	err = unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB)
	if err != nil && !errors.Is(err, unix.EWOULDBLOCK) {
		return false, fmt.Errorf("experiments: %s: %w", f.Name(), err)
	}
	return err != nil, nil
}
