package run_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/outcrop-lab/outcrop/configs"
	"github.com/outcrop-lab/outcrop/data"
	"github.com/outcrop-lab/outcrop/experiments/folder"
	"github.com/outcrop-lab/outcrop/experiments/plan"
	"github.com/outcrop-lab/outcrop/experiments/run"
	"github.com/outcrop-lab/outcrop/experiments/sweep"
	"github.com/outcrop-lab/outcrop/settings"
)

// Whatever a run's config.yaml holds, it is either bad input, reported with its place, or a run that is read back
// unchanged when it is written again.
func FuzzAssigned(f *testing.F) {
	for _, name := range configs.Sweeps() {
		src, _ := configs.Sweep(name)
		s, err := sweep.LoadBytes(name, src)
		if err != nil {
			f.Fatal(err)
		}
		planned, err := plan.Of(s, "cpu")
		if err != nil {
			f.Fatal(err)
		}
		dir := f.TempDir()
		if err := planned[0].Assign(dir, 1); err != nil {
			f.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(dir, folder.Config))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("id: a\nconfig: {arch: {norm: ssnorm}}\n"))
	f.Add([]byte("{}"))
	f.Add([]byte(`{"config": null, "threads": -1}`))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(filepath.Join(dir, folder.Config), text, 0o666); err != nil {
			t.Fatal(err)
		}
		r, threads, err := run.Assigned(dir)
		if err != nil {
			placed(t, err)
			return
		}
		if err := r.Assign(dir, threads); err != nil {
			t.Fatal(err)
		}
		again, threadsAgain, err := run.Assigned(dir)
		if err != nil {
			t.Fatalf("it is not read back: %v", err)
		}
		if again.ID != r.ID || again.DataDigest != r.DataDigest || again.Device != r.Device || threadsAgain != threads ||
			!reflect.DeepEqual(settings.Of(&again.Config), settings.Of(&r.Config)) {
			t.Fatalf("%+v is read back as %+v", r, again)
		}
		if chain, ok := r.Config.Data.Value.(*data.Backcopy); ok && chain.File.Written == "" && chain.Vocab < 1000 {
			_ = r.Unchanged(dir) // it has changed, which must not cause a panic
		}
	})
}

// placed fails unless an error is an *InputError whose faults each have a file.
func placed(t *testing.T, err error) {
	t.Helper()
	var input *settings.InputError
	if !errors.As(err, &input) {
		t.Fatalf("%v is no input error", err)
	}
	for _, f := range input.Faults {
		if f.File == "" || f.Message == "" {
			t.Fatalf("a fault without a place: %+v", f)
		}
	}
}
