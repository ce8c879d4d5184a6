package outcrop_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// ends is a package whose fuzzing process ends under CONDITION, as one does that the system kills. The file BEGUN gets
// an x each time that the target is run.
const ends = `package ends

import (
	"os"
	"strings"
	"testing"
)

func TARGET(f *testing.F) {
	worker := strings.Contains(strings.Join(os.Args, " "), "-test.fuzzworker")
	begun, _ := os.ReadFile(BEGUN)
	if !worker {
		os.WriteFile(BEGUN, append(begun, 'x'), 0o666)
	}
	f.Add([]byte("seed"))
	f.Fuzz(func(t *testing.T, b []byte) {
		seed := string(b) == "seed"
		if worker && (CONDITION) {
			os.Exit(3)
		}
	})
}
`

// A fuzzing process that ends at a seed is begun once more, and no more than once; one that ends at an input which Go
// then keeps is a failure at once.
func TestFuzzTakesOnlyInputsForFailures(t *testing.T) {
	if testing.Short() {
		t.Skip("it fuzzes for seconds: run it without -short")
	}
	for _, tool := range []string{"bash", "flock"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	fuzz, err := filepath.Abs(".ci/fuzz")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, condition string
		code            int
		begun           string
	}{
		{"seedOnce", `seed && len(begun) == 1`, 0, "xx"},
		{"seedAlways", `seed`, 255, "xx"},
		{"input", `!seed`, 255, "x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			begun := filepath.Join(dir, "begun")
			write(t, filepath.Join(dir, "go.mod"), "module example.org/ends\n\ngo 1.26\n")
			write(t, filepath.Join(dir, "ends_test.go"), strings.NewReplacer("TARGET", "FuzzEnds", "BEGUN", "`"+begun+"`",
				"CONDITION", c.condition).Replace(ends))
			cmd := exec.Command(fuzz, ".", "FuzzEnds")
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "FUZZTIME=500x", "GOWORK=off", "GOFLAGS=-buildvcs=false")
			said, err := cmd.CombinedOutput()
			var ended *exec.ExitError
			if err != nil && !errors.As(err, &ended) {
				t.Fatal(err)
			}
			if got := cmd.ProcessState.ExitCode(); got != c.code {
				t.Errorf("exit code %d, want %d:\n%s", got, c.code, said)
			}
			if got, err := os.ReadFile(begun); err != nil || string(got) != c.begun {
				t.Errorf("begun %q, want %q, %v:\n%s", got, c.begun, err, said)
			}
		})
	}
}
