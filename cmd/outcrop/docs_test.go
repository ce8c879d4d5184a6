package main

import (
	"context"
	"os"
	"strings"
	"testing"
)

// Every verb stands in the table of docs/cli.md.
func TestReferenceShowsEveryVerb(t *testing.T) {
	page, err := os.ReadFile("../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range commands {
		c := command(&settings{})
		if name, _, _ := strings.Cut(c.Use, " "); !c.Hidden && !strings.Contains(string(page), "| `"+name) {
			t.Errorf("docs/cli.md does not show the verb %s", name)
		}
	}
	if code, out, _ := outcrop(context.Background(), "completion", "bash"); code != exitDone || !strings.Contains(out, "__start_outcrop") {
		t.Errorf("completion: exit %d", code)
	}
}
