package plotstest

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files again")

// Golden compares a text with the golden file at path, line by line, and fails the test at the first line that differs.
// With the test flag -update it writes the file instead.
func Golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("no golden file: look at what the test makes, then write it with `go test -update` (%v)", err)
	}
	a, b := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	for i := range max(len(a), len(b)) {
		if i >= len(a) || i >= len(b) || a[i] != b[i] {
			t.Fatalf("%s, line %d: %s\nIf the new text is right, write it with `go test -update` in the test's package",
				path, i+1, difference(a, b, i))
		}
	}
}

// difference shows the place at which two lines begin to differ.
func difference(got, want []string, line int) string {
	of := func(lines []string, from int) string {
		if line >= len(lines) {
			return "nothing"
		}
		return fmt.Sprintf("%.100q", lines[line][min(from, len(lines[line])):])
	}
	from := 0
	for line < len(got) && line < len(want) && from < min(len(got[line]), len(want[line])) &&
		got[line][from] == want[line][from] {
		from++
	}
	from = max(0, from-30)
	return fmt.Sprintf("got %s, want %s", of(got, from), of(want, from))
}
