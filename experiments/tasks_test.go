package experiments

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Only the new runs of a grid that has grown are trained. An arm that resolves to another arm's configuration shares
// that arm's run.
func TestStatesOfASweepThatGrew(t *testing.T) {
	l := newLab(t)
	src := strings.Replace(fmt.Sprintf(tiny, 4, 2, 1), "arms:", "grid: {optim.weight_decay: [0, 0.5]}\narms:", 1)
	if _, err := l.execute(t.Context(), src, nil); err != nil {
		t.Fatal(err)
	}
	workers := l.started()
	grown := strings.Replace(src, "[0, 0.5]", "[0, 0.25, 0.5]", 1)
	grown = strings.Replace(grown, "arms:\n", "arms:\n  twin: {}\n", 1)
	planned, tasks := planOf(t, grown), l.tasks(grown)
	fresh := 0
	for i, p := range planned {
		want := "done"
		switch {
		case strings.HasSuffix(p.Arm, "=0.25") && !strings.HasPrefix(tasks[i], "same as "):
			want = "new"
			fresh++
		case strings.HasPrefix(tasks[i], "same as "):
			want = tasks[i]
		}
		if tasks[i] != want {
			t.Errorf("%s, seed %d: %s, want %s", p.Arm, p.Seed, tasks[i], want)
		}
	}
	if !slices.ContainsFunc(tasks,
		func(s string) bool { return strings.HasPrefix(s, "same as twin optim.weight_decay=") }) {
		t.Errorf("no run is the same as another's: %q", tasks)
	}
	if _, err := l.execute(t.Context(), grown, nil); err != nil || l.started()-workers != fresh || fresh == 0 {
		t.Errorf("%d workers for %d new runs, %v", l.started()-workers, fresh, err)
	}
}
