package plan

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/experiments/sweep"
	"github.com/outcrop-lab/outcrop/settings"
)

func BenchmarkPlan(b *testing.B) {
	s := loaded(b, manyRuns(10000))
	for b.Loop() {
		if _, err := Of(s, "cpu"); err != nil {
			b.Fatal(err)
		}
	}
}

// A metric that is never measured would stop no run, without a word, and so it is refused.
func TestStoppingByARiskThatTheDataLack(t *testing.T) {
	s, err := sweep.LoadBytes("x.yaml",
		[]byte("name: x\nbase: {data: {name: text}}\nstopping: {metric: bigram_risk, above: 1}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Of(s, "cpu"); err == nil ||
		!strings.Contains(err.Error(), "stopping.metric: bigram_risk is not measured over the data of baseline") {
		t.Errorf("got %v", err)
	}
}

func TestMissingFiles(t *testing.T) {
	var input *settings.InputError
	missing := filepath.Join(t.TempDir(), "none.yaml")
	if _, err := sweep.Load(missing); !errors.As(err, &input) ||
		!strings.HasPrefix(err.Error(), missing+": reading the sweep: ") {
		t.Errorf("missing sweep: %v", err)
	}
	empty := filepath.Join(t.TempDir(), "empty.bin")
	if err := os.WriteFile(empty, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ source, path string }{{"text", missing}, {"bin", missing}, {"bin", empty}} {
		s, err := sweep.LoadBytes("s.yaml",
			fmt.Appendf(nil, "name: x\nbase:\n  data: {name: %s, %s: %s}\n", c.source, pathKey[c.source], c.path))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Of(s, "cpu"); !errors.As(err, &input) || !strings.HasPrefix(err.Error(), "s.yaml:3:") ||
			!strings.Contains(err.Error(), c.path) {
			t.Errorf("%s of %s: got %v, want its place and path", c.source, c.path, err)
		}
	}
}

// A sweep in bf16 loads anywhere. Kernels that lack the instruction refuse its plan, with the place of the setting.
func TestPrecisionIsRefused(t *testing.T) {
	const needs = "bf16 needs the instruction vdpbf16ps (avx512_bf16), which the portable kernels lack: use float32, " +
		"or a machine and kernels that have it"
	for src, want := range map[string]string{
		"name: x\nbase:\n  train: {steps: 9, precision: bf16}\nseeds: 2\n": "s.yaml:3:32: base.train.precision: " + needs,
		"name: x\narms:\n  a: {}\n  b: {train: {precision: bf16}}\nseeds: 2\n": "s.yaml:4:26: arms.b.train.precision: " +
			needs,
	} {
		s := loaded(t, src)
		var input *settings.InputError
		if _, err := of(s, "cpu", "portable"); !errors.As(err, &input) || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
		if _, err := Of(s, "cpu"); (err == nil) != (compute.Can("", compute.BF16) == nil) {
			t.Errorf("on this machine: %v", err)
		}
	}
}

// pathKey is the parameter of each data source that names files.
var pathKey = map[string]string{"text": "path", "bin": "path"}

func planOf(t testing.TB, src string) []Planned {
	t.Helper()
	s, err := sweep.LoadBytes("s.yaml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := Of(s, "cpu")
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func loaded(t testing.TB, src string) *sweep.Sweep {
	t.Helper()
	s, err := sweep.LoadBytes("s.yaml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return s
}
