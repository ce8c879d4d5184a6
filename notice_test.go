package outcrop_test

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// NOTICE names each module that the program contains, by version, and no other, and gives its terms.
func TestNotice(t *testing.T) {
	said := &strings.Builder{}
	c := exec.Command("go", "run", "./notices", "..")
	c.Dir, c.Stderr = "tools", said
	want, err := c.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	got, err := os.ReadFile("NOTICE")
	if err != nil {
		t.Fatal(err)
	}
	contained, named := titles(string(want)), titles(string(got))
	for _, title := range contained {
		if !slices.Contains(named, title) {
			t.Errorf("NOTICE lacks %s: make notices", title)
		}
	}
	for _, title := range named {
		if !slices.Contains(contained, title) {
			t.Errorf("NOTICE names %s, which the program does not contain: make notices", title)
		}
	}
	if string(got) != string(want) && !t.Failed() {
		t.Error("NOTICE differs from what the modules state: make notices")
	}
}

// titles are the headings of a NOTICE.
func titles(notice string) (found []string) {
	for line := range strings.Lines(notice) {
		if title, ok := strings.CutPrefix(strings.TrimSpace(line), "==== "); ok {
			found = append(found, title)
		}
	}
	return found
}
