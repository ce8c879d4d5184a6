package main

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// slow is a sweep of one run that takes minutes, and writes a checkpoint often.
const slow = `name: slow
base:
  arch: {layers: 1, width: 16, heads: 2, context: 16}
  data: {name: backcopy, vocab: 16, triggers: 1}
  train: {steps: 200000, batch: 8}
  probe: {every: {name: steps, n: 500}, sequences: 2, heldout: 8}
  checkpoint: {every: 50, keep: 2}
arms: {a: {}}
`

// said is what an event of the JSON log says.
type said struct {
	Event, Status, Msg string
	Step, Ended        int
	Loss, Progress     *float64
	Left               *float64 `json:"seconds_left"`
}

func eventsOf(t *testing.T, log string) (all []said) {
	t.Helper()
	for lines := bufio.NewScanner(strings.NewReader(log)); lines.Scan(); {
		var e said
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatalf("%v: %s", err, lines.Text())
		}
		all = append(all, e)
	}
	return all
}

// A sweep that is interrupted has done the share of its work that it has done, and has no time left. When it goes on,
// it says from which step.
func TestInterruptedSweepIsNotDone(t *testing.T) {
	file, dir := sweepFile(t, slow), filepath.Join(t.TempDir(), "-r s") // the name of the folder begins with a dash
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	began := 0
	for i := range 2 {
		p := start(t, "run", file, "--log-format", "json", "--results", dir)
		p.says(t, `"status":"running"`)
		p.interrupt(t)
		if code := p.exit(t); code != exitInterrupted {
			t.Fatalf("exit %d: %s", code, p.err.String())
		}
		events := eventsOf(t, p.err.String())
		started := slices.IndexFunc(events, func(e said) bool { return e.Status == "started" })
		stopped := slices.IndexFunc(events, func(e said) bool { return e.Status == "stopped" })
		if started < 0 || stopped < 0 {
			t.Fatalf("no start or no stop in %s", p.err.String())
		}
		if events[started].Step < began || i == 1 && events[started].Step == 0 {
			t.Errorf("started at step %d, want %d or later", events[started].Step, began)
		}
		began = events[stopped].Step
		if !strings.HasSuffix(events[stopped].Msg, ": interrupted") || events[stopped].Loss != nil {
			t.Errorf("%+v, want it interrupted, without a loss", events[stopped])
		}
		end := events[stopped+1]
		if end.Event != "sweep" || end.Ended != 0 || *end.Progress > .5 || end.Left != nil ||
			!strings.Contains(end.Msg, "0 of 1 run ended, ") || strings.Contains(end.Msg, "100 %") {
			t.Errorf("%+v, progress %v: want nothing ended", end, *end.Progress)
		}
		for _, never := range []string{"context canceled", "signal: ", "exit status"} {
			if strings.Contains(p.err.String(), never) {
				t.Errorf("%q stands in %s", never, p.err.String())
			}
		}
	}
}

// After a worker was killed, the history says that, and nothing of its coordinator, which lives. The loss of a run that
// is done is that of its last step.
func TestHistoryOfAKilledWorker(t *testing.T) {
	file, dir := sweepFile(t, strings.ReplaceAll(slow, "200000", "40000")), t.TempDir()
	p := start(t, "run", file, "--log-format", "json", "--results", dir)
	p.says(t, `"status":"running"`)
	for _, pid := range children(t, p.Process.Pid) {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	p.says(t, `"status":"retried"`)
	if code := p.exit(t); code != exitDone {
		t.Fatalf("exit %d: %s", code, p.err.String())
	}
	var again, done said
	for _, e := range eventsOf(t, p.err.String()) {
		switch e.Status {
		case "started":
			again = e
		case "done":
			done = e
		}
	}
	code, out, stderr := outcrop(t.Context(), "query", "--json", "--results", dir,
		"SELECT value FROM statistics WHERE statistic = 'loss' AND step = 40000")
	var rows []map[string]float64
	if err := json.Unmarshal([]byte(out), &rows); err != nil || code != exitDone || len(rows) != 1 {
		t.Fatalf("%v: %s %s", err, out, stderr)
	}
	if again.Step == 0 || done.Loss == nil || *done.Loss != rows[0]["value"] {
		t.Errorf("started again at step %d, done with loss %v, want %v", again.Step, done.Loss, rows[0])
	}
	_, shown, _ := outcrop(t.Context(), "show", "slow/a/0", "--results", dir)
	if strings.Contains(shown, "is gone") || !strings.Contains(shown, "the worker was killed (SIGKILL)") {
		t.Errorf("the history does not say that the worker was killed, or says that its coordinator is gone:\n%s", shown)
	}
}

// The worker of a run in a folder whose relative path begins with a dash is given that path.
func TestResultsThatBeginWithADash(t *testing.T) {
	file := sweepFile(t, strings.ReplaceAll(tiny, "STEPS", "20"))
	t.Chdir(t.TempDir())
	text, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile("-s.yaml", text, 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := outcrop(t.Context(), "run", "--results=-r", "--", "-s.yaml"); code != exitDone {
		t.Errorf("exit %d: %s", code, stderr)
	}
	p := start(t, "run", "--results=-i", "--set=train.steps=50000", "--", "-s.yaml")
	training(t, "-i")
	p.interrupt(t)
	if code := p.exit(t); code != exitInterrupted ||
		!strings.Contains(p.err.String(), "run: outcrop run --results=-i --set=train.steps=50000 -- -s.yaml") {
		t.Errorf("exit %d, and how to continue: %s", code, p.err.String())
	}
}
