package sweep

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/settings"
)

func writeFiles(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Later entries of extends win over earlier ones, base over what the sweep extends, an arm over what it extends, and
// that over base. A path is relative to the file that names it.
func TestExtendsMergesInOrder(t *testing.T) {
	dir := writeFiles(t, map[string]string{
		"s.yaml": "name: s\nextends: [sub/a.yaml, sub/b.yaml]\nbase: {train: {batch: 8}}\narms:\n  plain: {}\n" +
			"  c: {extends: sub/c.yaml, optim: {clip: 3}}\n",
		"sub/a.yaml":     "optim: {name: muon, lr: 0.5, momentum: 0.5}\ntrain: {steps: 1, batch: 2, slices: 1}\n",
		"sub/b.yaml":     "extends: ../other.yaml\ntrain: {steps: 2}\n",
		"other.yaml":     "train: {steps: 9}\nschedule: {warmup: 3}\n",
		"sub/other.yaml": "train: {steps: 7}\n",
		"sub/c.yaml":     "optim: {clip: 2, weight_decay: 0}\ntrain: {batch: 16}\n",
		"one.yaml": "name: s\nbase:\n  optim: {name: muon, lr: 0.5, momentum: 0.5}\n  schedule: {warmup: 3}\n" +
			"  train: {steps: 2, batch: 8, slices: 1}\narms:\n  plain: {}\n" +
			"  c: {optim: {clip: 3, weight_decay: 0}, train: {batch: 16}}\n",
	})
	var runs [2][]Run
	for i, name := range []string{"s.yaml", "one.yaml"} {
		s, err := Load(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if runs[i] = s.Runs; len(runs[i]) != 2 {
			t.Fatalf("%d runs", len(runs[i]))
		}
	}
	for i, got := range runs[0] {
		is, want := settings.Of(&got.Config), settings.Of(&runs[1][i].Config)
		if settings.Fingerprint(is) != settings.Fingerprint(want) || got.Arm.Name != runs[1][i].Arm.Name {
			t.Errorf("arm %s: %v, want %v", got.Arm.Name, is, want)
		}
	}
}

// A fault in an extended file is reported at its place there, with the chain that leads to it.
func TestExtendsFaults(t *testing.T) {
	dir := writeFiles(t, map[string]string{
		"bad.yaml":   "arch: {norm: rmsnrom}\n",
		"over.yaml":  "# over\nextends: [baseline, bad.yaml]\n",
		"loop.yaml":  "extends: pool.yaml\n",
		"pool.yaml":  "extends: loop.yaml\n",
		"width.yaml": "arch: {width: 65}\n",
		"seed.yaml":  "seed: 3\n",
		"empty.yaml": "",
	})
	for _, c := range []struct{ src, place, message, chain string }{
		{"extends: over.yaml", "bad.yaml:1:14: arch.norm", "unknown norm \"rmsnrom\", did you mean \"rmsnorm\"?",
			"(extended by over.yaml:2:21, extended by s.yaml:2:10)"},
		{"arms:\n  x: {extends: bad.yaml}", "bad.yaml:1:14: arch.norm", "unknown norm", "(extended by s.yaml:3:16)"},
		{"extends: width.yaml", "width.yaml:1:7: arms.baseline", "arch.heads must divide arch.width (65)",
			"(extended by s.yaml:2:10)"},
		{"extends: loop.yaml", "pool.yaml:1:10: extends",
			"extends itself: s.yaml extends loop.yaml extends pool.yaml extends loop.yaml",
			"(extended by loop.yaml:1:10, extended by s.yaml:2:10)"},
		{"extends: seed.yaml", "seed.yaml:1:7: seed", "seeds belong to the whole sweep", "(extended by s.yaml:2:10)"},
		{"extends: empty.yaml", "empty.yaml", "is empty", "(extended by s.yaml:2:10)"},
		{"extends: none.yaml", "s.yaml:2:10: extends", "reading none.yaml: no such file or directory", ""},
		{"extends: basline", "s.yaml:2:10: extends", "unknown preset \"basline\", did you mean \"baseline\"?", ""},
		{"extends: {a: b}", "s.yaml:2:10: extends",
			"wants the name of a preset, the path of a .yaml file, or a list of these, got a map", ""},
		{"extends: [3]", "s.yaml:2:11: extends", "or a list of these, got 3", ""},
		{"base: {extends: gated}", "s.yaml:2:17: base.extends", "belongs at the top, beside base", ""},
	} {
		_, err := LoadBytes(filepath.Join(dir, "s.yaml"), []byte("name: x\n"+c.src+"\n"))
		var input *settings.InputError
		if !errors.As(err, &input) || len(input.Faults) != 1 {
			t.Errorf("%s: got %v, want one fault", c.src, err)
			continue
		}
		got := strings.ReplaceAll(err.Error(), dir+string(filepath.Separator), "")
		if !strings.HasPrefix(got, c.place+": ") || !strings.Contains(got, c.message) || !strings.HasSuffix(got, c.chain) {
			t.Errorf("%s:\ngot  %s\nwant %s: %s %s", c.src, got, c.place, c.message, c.chain)
		}
	}
}
