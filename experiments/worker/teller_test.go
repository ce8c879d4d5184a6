package worker

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/outcrop-lab/outcrop/experiments/folder"
)

// A worker goes on if nobody reads what it says: the pipe is full after some hundred lines.
func TestTellerNeverWaits(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	said, done := tell(w), make(chan struct{})
	go func() {
		defer close(done)
		for step := range 10_000 {
			if err := json.NewEncoder(said).Encode(folder.Event{Run: strings.Repeat("a", 64), Step: step}); err != nil {
				t.Error(err)
			}
		}
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("it waits for a coordinator that does not read")
	}
	if err := r.Close(); err != nil { // the coordinator is gone
		t.Fatal(err)
	}
	said.close()
}
