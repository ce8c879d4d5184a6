package experiments

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/store"
)

// Only what is new of a grid that grew is trained; an arm that comes to another's configuration is that one's run.
func TestStatesOfASweepThatGrew(t *testing.T) {
	l := newLab(t)
	src := strings.Replace(fmt.Sprintf(tiny, 4, 2, 1), "arms:", "grid: {optim.weight_decay: [0, 0.5]}\narms:", 1)
	if _, err := l.execute(t.Context(), src, nil); err != nil {
		t.Fatal(err)
	}
	workers := l.started()
	grown := strings.Replace(src, "[0, 0.5]", "[0, 0.25, 0.5]", 1)
	grown = strings.Replace(grown, "arms:\n", "arms:\n  twin: {}\n", 1)
	plan, states := planOf(t, grown), l.states(grown)
	fresh := 0
	for i, p := range plan {
		want := "done"
		switch {
		case strings.HasSuffix(p.Arm, "=0.25") && !strings.HasPrefix(states[i], "same as "):
			want = "new"
			fresh++
		case strings.HasPrefix(states[i], "same as "):
			want = states[i]
		}
		if states[i] != want {
			t.Errorf("%s, seed %d: %s, want %s", p.Arm, p.Seed, states[i], want)
		}
	}
	if !slices.ContainsFunc(states, func(s string) bool { return strings.HasPrefix(s, "same as twin optim.weight_decay=") }) {
		t.Errorf("no run is the same as another's: %q", states)
	}
	if _, err := l.execute(t.Context(), grown, nil); err != nil || l.started()-workers != fresh || fresh == 0 {
		t.Errorf("%d workers for %d new runs, %v", l.started()-workers, fresh, err)
	}
}

func TestStatesInWords(t *testing.T) {
	src := "name: x\nbase: {train: {steps: 4}}\nseeds: 5\n"
	plan, results := planOf(t, src), t.TempDir()
	db, err := store.Open(filepath.Join(results, "outcrop.db"))
	if err != nil {
		t.Fatal(err)
	}
	for i, status := range []string{store.Failed, store.Stopped, store.Running, store.Planned} {
		if err := db.PutRun(store.Run{ID: plan[i].ID, Config: "{}", Status: status}); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(results, "runs", plan[3].ID)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	held, err := lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	states, err := States(results, plan)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range states {
		got = append(got, s.String())
	}
	// The third one's process is gone; in the fourth one's folder this process is at work.
	if want := []string{"failed, starts again", "stopped, starts again", "lost, starts again", "running", "new"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
}
