package folder

import (
	"math"
	"os"
	"path/filepath"
	"testing"
)

// The rate is that of the present session, a half-written line is ignored, and the lock shows whether a process works
// in the folder.
func TestReadLive(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	if l, err := ReadLive(dir); err != nil || l.Held || l.Last.Status != "" || !math.IsNaN(l.Rate) {
		t.Errorf("no folder: %+v, %v", l, err)
	}
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	log := `{"time":"2026-01-02T03:04:00.000Z","status":"running","step":1000,"loss":1}
{"time":"2026-01-02T03:05:00.000Z","status":"started","step":0,"loss":0}
{"time":"2026-01-02T03:05:01.000Z","status":"running","step":100,"loss":3}
{"time":"2026-01-02T03:05:03.500Z","status":"running","step":150,"loss":2}
{"time":"2026-01-02T03:05:06.000Z","sta`
	if err := os.WriteFile(filepath.Join(dir, Log), []byte(log), 0o666); err != nil {
		t.Fatal(err)
	}
	l, err := ReadLive(dir)
	if err != nil || l.Held || l.Last.Step != 150 || l.Last.Loss != 2 || l.Rate != 20 { // 50 steps in 2.5 s
		t.Errorf("%+v, %v, want 20 steps a second at step 150", l, err)
	}
	held, err := Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = held.Close() }()
	if l, err = ReadLive(dir); err != nil || !l.Held {
		t.Errorf("%+v, %v, want it held", l, err)
	}
}

func TestLiveState(t *testing.T) {
	for _, c := range []struct {
		stored, noted string
		held          bool
		want          string
	}{
		{"planned", "", false, "planned"},
		{"planned", "running", true, "running"},
		{"planned", "running", false, "lost"},
		{"leased", "running", false, "leased"},
		{"stopped", "started", true, "running"},
		{"leased", "", false, "leased"},
		{"done", "done", true, "done"}, // it is measured again
		{"lost", "running", true, "running"},
		{"lost", "running", false, "lost"},
		{"running", "done", false, "running"}, // not merged yet
	} {
		if got := (Live{Held: c.held, Last: Note{Status: c.noted}}).Status(c.stored); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}
