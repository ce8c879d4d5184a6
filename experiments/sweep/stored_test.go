package sweep

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const twoArms = "name: tiny\narms: {baseline: {}, scale: {arch: {norm: ssnorm}}}\n"

func TestStoppingFaults(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"stopping: {metric: los}", `tiny.yaml:3:20: stopping.metric: unknown metric "los", did you mean "loss"?`},
		{"stopping: {metric: loss}", "stopping: stops nothing: set above, below, patience or halving.eta"},
		{"stopping: {abov: 1}", `did you mean "above"?`},
		{"stopping: {patience: -1}", "stopping.patience: must not be negative, is -1"},
		{"stopping: {halving: {eta: 1}}", "stopping.halving.eta: must be at least 2, or 0 for none, is 1"},
		{"stopping: 3", "stopping: wants a map, got 3"},
	} {
		_, err := LoadBytes("tiny.yaml", []byte(twoArms+c.text+"\n"))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.text, err, c.want)
		}
	}
}

// A stored sweep equals the one that was loaded, --set included.
func TestLoadStored(t *testing.T) {
	s, err := LoadBytes("tiny.yaml", []byte(twoArms), "optim.lr=3e-4", "train.batch=16")
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

// A stored sweep holds the files that it extends, so that it needs no file and names no folder. Outcrop once stored
// their folder instead.
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
	if again, err = LoadStored("mine", s.Source); err != nil || again.Arms[0].Config.Optim.LR != 5e-4 {
		t.Errorf("without the file: %v", err)
	}
	if strings.Contains(s.Source, dir) {
		t.Errorf("the folder is stored: %q", s.Source)
	}
	const own = "name: mine\nextends: rate.yaml\n"
	if _, err := LoadStored("mine", own+"# in "+dir+"\n"); err == nil || !strings.Contains(err.Error(), preset) {
		t.Errorf("a folder is stored: %v, want %s named", err, preset)
	}
	const looksLike = own + "#| a comment of the user's\n"
	if _, err := LoadStored("mine", looksLike); err == nil || !strings.Contains(err.Error(), "reading rate.yaml") {
		t.Errorf("a comment: %v", err)
	}
}
