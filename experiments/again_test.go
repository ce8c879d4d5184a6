package experiments

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/experiments/todo"
	"github.com/outcrop-lab/outcrop/store"
)

func (l *lab) tasks(src string) (tasks []string) {
	l.t.Helper()
	all, err := todo.Tasks(l.results, planOf(l.t, src))
	if err != nil {
		l.t.Fatal(err)
	}
	for _, s := range all {
		tasks = append(tasks, s.String())
	}
	return tasks
}

// A worker measures wanted rows from the kept checkpoints if they suffice, under the same id and to the bits of a run
// that measured them in training, step 0 included. If a checkpoint is damaged, the run is trained again.
//
//nolint:funlen // one scenario, step by step
func TestLackingRowsAreMeasured(t *testing.T) {
	src := fmt.Sprintf(tiny, 80, 40, 1)
	src = strings.Replace(src, "keep: 2", "keep: 3", 1)
	more := strings.Replace(src, "sequences: 2", "sequences: 2, snapshots: {steps: [80]}", 1)
	l := newLab(t)
	if _, err := l.execute(t.Context(), src, nil); err != nil {
		t.Fatal(err)
	}
	workers := l.started()
	measured := []string{"measure 1 step from checkpoints", "measure 1 step from checkpoints"}
	if got := l.tasks(more); !slices.Equal(got, measured) {
		t.Errorf("tasks %q, want %q", got, measured)
	}
	sum, err := l.execute(t.Context(), more, nil)
	if err != nil || sum.Done != 2 || sum.Kept != 0 || l.started() != workers+2 {
		t.Errorf("%+v, %v, %d workers, want 2", sum, err, l.started()-workers)
	}
	if got := l.tasks(more); !slices.Equal(got, []string{"done", "done"}) {
		t.Errorf("tasks %q after measuring", got)
	}
	planned := planOf(t, src)
	for _, p := range planned {
		found, err := filepath.Glob(filepath.Join(l.results, "runs", p.ID, "snapshots", "*.safetensors"))
		if len(found) != 1 || err != nil {
			t.Errorf("snapshots %v, %v", found, err)
		}
		// A tensor of each of the 2 layers, by [sequence].
		want := []string{"80 0 0 resid_post.0", "80 1 0 resid_post.1"}
		if got := l.snapshots(p.ID); !slices.Equal(got, want) {
			t.Errorf("the database lists the snapshots %q, want %q", got, want)
		}
	}

	// Step 0 is in no checkpoint: its parameters follow from the seed.
	all := strings.Replace(src, "sequences: 2", "sequences: 2, statistics: [top1, ratio_mean, anisotropy]", 1)
	if got := l.tasks(all); got[0] != "measure 3 steps from checkpoints" {
		t.Errorf("tasks %q, want measured", got)
	}
	if sum, err := l.execute(t.Context(), all, nil); err != nil || sum.Done != 2 || l.started() != workers+4 {
		t.Errorf("%+v, %v, %d workers, want 4", sum, err, l.started()-workers)
	}
	fresh := newLab(t)
	if _, err := fresh.execute(t.Context(), all, nil); err != nil {
		t.Fatal(err)
	}
	want, _ := fresh.rows()
	got, _ := l.rows()
	wanted := map[string]bool{"run": true, "top1": true, "ratio_mean": true, "anisotropy": true}
	got = slices.DeleteFunc(got, func(s store.Series) bool { return !wanted[s.Site] && !wanted[s.Statistic] })
	sameRows(t, got, want)
	if s := l.tasks(src); !slices.Equal(s, []string{"done", "done"}) { // its own rows are there too
		t.Errorf("tasks %q of the first sweep", s)
	}

	// A damaged checkpoint costs a training, not the run.
	again := strings.Replace(src, "sequences: 2", "sequences: 2, snapshots: {steps: [40]}", 1)
	path := filepath.Join(l.results, "runs", planned[0].ID, "checkpoints", "step-00000040", "model.safetensors")
	if err := os.Truncate(path, 10); err != nil {
		t.Fatal(err)
	}
	before := l.started()
	// One worker fails to measure, one trains, and one measures the other run.
	if sum, err := l.execute(t.Context(), again, nil); err != nil || sum.Done != 2 || sum.Failed != 0 ||
		l.started() != before+3 {
		t.Errorf("%+v, %v, %d workers, want 3", sum, err, l.started()-before)
	}
	if got := l.tasks(again); !slices.Equal(got, []string{"done", "done"}) {
		t.Errorf("tasks %q after a damaged checkpoint", got)
	}
	for _, p := range planned { // the first was trained again, the second measured
		if got := l.snapshots(p.ID); !slices.Contains(got, "40 1 0 resid_post.1") {
			t.Errorf("the database lists the snapshots %q, and none of step 40", got)
		}
	}
}

// A run that cannot be measured, because its worker gets no memory, stays done and lacks the same rows; the others are
// measured, and the coordinator goes on.
func TestMeasuringWithoutMemory(t *testing.T) {
	src := fmt.Sprintf(tiny, 80, 40, 1)
	more := strings.Replace(src, "sequences: 2", "sequences: 2, snapshots: {steps: [80]}", 1)
	l := newLab(t)
	if _, err := l.execute(t.Context(), src, nil); err != nil {
		t.Fatal(err)
	}
	l.starved = planOf(t, src)[0].ID
	sum, err := l.execute(t.Context(), more, nil)
	if err != nil || sum.Failed != 1 || sum.Done != 1 || len(sum.Errors) != 1 ||
		!strings.Contains(sum.Errors[0], "ran out of memory") {
		t.Errorf("%+v, %v, want one failed for memory", sum, err)
	}
	if got := l.tasks(more); !slices.Equal(got, []string{"measure 1 step from checkpoints", "done"}) {
		t.Errorf("tasks %q", got)
	}
	if _, status := l.rows(); !slices.Equal(status, []string{"baseline 0 done 80 ", "scale 0 done 80 "}) {
		t.Errorf("status %q, want both done", status)
	}
	l.starved = ""
	if sum, err := l.execute(t.Context(), more, nil); err != nil || sum.Done != 2 || sum.Failed != 0 {
		t.Errorf("with memory: %+v, %v", sum, err)
	}
}

// snapshots lists step, layer, sequence and tensor of a run's snapshots in the database. It checks that their files
// exist.
func (l *lab) snapshots(run string) (all []string) {
	l.t.Helper()
	db, err := store.OpenReadOnly(filepath.Join(l.results, "outcrop.db"))
	if err != nil {
		l.t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	err = db.Query(l.t.Context(),
		"SELECT step, layer, sequence, tensor, file FROM snapshots WHERE run = '"+run+"' ORDER BY step, layer, sequence",
		func([]string) error { return nil }, func(values []any) error {
			all = append(all, fmt.Sprint(values[0], " ", values[1], " ", values[2], " ", values[3]))
			_, err := os.Stat(filepath.Join(l.results, "runs", run, filepath.FromSlash(values[4].(string))))
			return err
		})
	if err != nil {
		l.t.Fatal(err)
	}
	return all
}
