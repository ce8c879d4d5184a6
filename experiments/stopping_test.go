package experiments

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/probes"
	"github.com/outcrop-lab/outcrop/store"
)

func TestVerdicts(t *testing.T) {
	steps := []int{0, 10, 20, 30, 40, 50}
	values := []float64{5, 4, 3, 3.5, 2.95, 6}
	for _, c := range []struct {
		rule Stopping
		at   int
		want string // of the reason; "" for none
	}{
		{Stopping{Metric: "loss", Above: 4.5}, 0, "loss is 5 at step 0, above 4.5"},
		{Stopping{Metric: "loss", Above: 4.5, After: 1}, 50, "loss is 6 at step 50"},
		{Stopping{Metric: "loss", Below: 3}, 40, "below 3"},
		{Stopping{Metric: "loss", Below: 2}, 0, ""},
		{Stopping{Metric: "loss", Patience: 1}, 30, "was not below 3 in the 1 measurements up to step 30"},
		// Less by 0.05 is no improvement where 0.1 is asked for: 30, 40 and 50 go by without one.
		{Stopping{Metric: "loss", Patience: 2, MinDelta: 0.1}, 40, "was not below 2.9 in the 2 measurements"},
		{Stopping{Metric: "loss", Patience: 2}, 0, ""},
		{Stopping{Metric: "loss", Patience: 1, After: 50}, 50, "step 50"},
	} {
		at, reason := c.rule.verdict(steps, values)
		if at != c.at || !strings.Contains(reason, c.want) || (reason == "") != (c.want == "") {
			t.Errorf("%+v: step %d, %q, want %d, %q", c.rule, at, reason, c.at, c.want)
		}
	}
}

func TestVerdictPassesOverNaN(t *testing.T) {
	rule := Stopping{Metric: "loss", Patience: 1}
	if at, reason := rule.verdict([]int{0, 10, 20, 30}, []float64{math.NaN(), 3, math.NaN(), 2}); reason != "" {
		t.Errorf("stopped at step %d: %s", at, reason)
	}
}

// What is never measured would stop nothing, and say nothing.
func TestStoppingByARiskThatTheDataLack(t *testing.T) {
	s, err := LoadBytes("x.yaml", []byte("name: x\nbase: {data: {name: text}}\nstopping: {metric: bigram_risk, above: 1}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Plan("cpu"); err == nil || !strings.Contains(err.Error(), "stopping.metric: bigram_risk is not measured over the data of baseline") {
		t.Errorf("got %v", err)
	}
}

// What a killed run had measured beyond its checkpoint does not stop it before it comes there again.
func TestWatchForgetsWhatComesAgain(t *testing.T) {
	stopped := 0
	w := &watch{rule: &Stopping{Metric: "loss", Above: 4}, steps: []int{0, 10, 20}, values: []float64{1, 2, 9}, stop: func() { stopped++ }}
	see := func(step int, value float64) {
		w.see(step, []probes.Value{{Site: "resid_post", Statistic: "loss", Value: 99}, {Site: "run", Statistic: "loss", Value: value}})
	}
	see(10, 2)
	if stopped != 0 {
		t.Error("stopped at step 10 by what was measured at step 20")
	}
	see(20, 9)
	if stopped != 1 || !strings.Contains(w.reason, "at step 20") {
		t.Errorf("stopped %d times, %q", stopped, w.reason)
	}
}

// A rule ends the runs that it means at the same step, interrupted or not; they are kept with the reason, are not begun
// again, and go on to the bits of a run left alone where a sweep has no rule.
func TestStoppingRule(t *testing.T) {
	src := fmt.Sprintf(tiny, 300, 20, 1)
	alone := newLab(t)
	if _, err := alone.execute(t.Context(), src, nil); err != nil {
		t.Fatal(err)
	}
	want, _ := alone.rows()
	rule := src + "stopping: {metric: loss, after: 100, above: 0.01}\n" // a loss in nats: all runs are above
	reason := "at step 100, above 0.01"

	l := newLab(t)
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := l.execute(ctx, rule, func(e Event) {
		if e.Status == store.Running && e.Step > 0 {
			cancel()
		}
	}); err == nil {
		t.Error("not interrupted")
	}
	sum, err := l.execute(t.Context(), rule, nil)
	if err != nil || sum.Early != 2 || sum.Stopped+sum.Done+sum.Failed != 0 {
		t.Fatalf("%+v, %v, want both ended early", sum, err)
	}
	_, status := l.rows()
	for _, s := range status {
		if !strings.Contains(s, " stopped 101 stopping: loss is ") || !strings.Contains(s, reason) {
			t.Errorf("status %q, want stopped after step 100, with the reason", s)
		}
	}
	before := l.started()
	if sum, err := l.execute(t.Context(), rule, nil); err != nil || sum.Early != 2 || sum.Kept != 2 || l.started() != before {
		t.Errorf("again: %+v, %v, %d workers", sum, err, l.started()-before)
	}
	if got := l.states(rule); !slices.Equal(got, []string{"stopped by the sweep's rule", "stopped by the sweep's rule"}) {
		t.Errorf("states %q", got)
	}
	if got := l.states(src); !slices.Equal(got, []string{"stopped, goes on from step 101", "stopped, goes on from step 101"}) {
		t.Errorf("states %q without the rule", got)
	}
	if sum, err := l.execute(t.Context(), src, nil); err != nil || sum.Done != 2 {
		t.Errorf("without the rule: %+v, %v", sum, err)
	}
	got, _ := l.rows()
	sameRows(t, want, got)
	if sum, err := l.execute(t.Context(), rule, nil); err != nil || sum.Done != 2 || sum.Early != 0 {
		t.Errorf("done, and the rule comes back: %+v, %v", sum, err)
	}
}

func TestStoppingFaults(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"stopping: {metric: los}", `tiny.yaml:13:20: stopping.metric: unknown metric "los", did you mean "loss"?`},
		{"stopping: {metric: loss}", "stopping: stops nothing: say above, below, patience or halving.eta"},
		{"stopping: {abov: 1}", `did you mean "above"?`},
		{"stopping: {patience: -1}", "stopping.patience: must not be negative, is -1"},
		{"stopping: {halving: {eta: 1}}", "stopping.halving.eta: must be at least 2, or 0 for none, is 1"},
		{"stopping: 3", "stopping: wants a map, got 3"},
	} {
		_, err := LoadBytes("tiny.yaml", []byte(fmt.Sprintf(tiny, 300, 20, 1)+c.text+"\n"))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.text, err, c.want)
		}
	}
}

// A stored sweep is the one that was loaded, --set and all.
func TestLoadStored(t *testing.T) {
	s, err := LoadBytes("tiny.yaml", []byte(fmt.Sprintf(tiny, 300, 20, 1)), "optim.lr=3e-4", "train.batch=16")
	if err != nil {
		t.Fatal(err)
	}
	again, err := LoadStored("tiny", s.Source)
	if err != nil {
		t.Fatal(err)
	}
	if again.Source != s.Source || again.Arms[0].Config.Optim.LR != 3e-4 || again.Arms[1].Config.Train.Batch != 16 {
		t.Errorf("%q, %v", again.Source, again.Arms[0].Config.Optim.LR)
	}
}

// A stored sweep finds the files that it extends from any folder, and says where it looked when they are gone.
func TestLoadStoredExtends(t *testing.T) {
	dir := t.TempDir()
	mine, preset := filepath.Join(dir, "mine.yaml"), filepath.Join(dir, "rate.yaml")
	for file, text := range map[string]string{mine: "name: mine\nextends: rate.yaml\n", preset: "optim: {lr: 5e-4}\n"} {
		if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Load(mine, "train.batch=16")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	again, err := LoadStored("mine", s.Source)
	if err != nil {
		t.Fatal(err)
	}
	if c := again.Arms[0].Config; again.Source != s.Source || c.Optim.LR != 5e-4 || c.Train.Batch != 16 {
		t.Errorf("%q, rate %v, batch %v", again.Source, c.Optim.LR, c.Train.Batch)
	}
	if err := os.Remove(preset); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadStored("mine", s.Source); err == nil || !strings.Contains(err.Error(), preset) {
		t.Errorf("%v, want %s named", err, preset)
	}
}
