package outcrop_test

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// NOTICE names exactly the modules that the binary contains, in their versions.
func TestNoticeIsUpToDate(t *testing.T) {
	notice, err := os.ReadFile("NOTICE")
	if err != nil {
		t.Fatal(err)
	}
	var named []string
	for _, m := range regexp.MustCompile(`(?m)^module: (\S+ v\S+)$`).FindAllStringSubmatch(string(notice), -1) {
		named = append(named, m[1])
	}
	list, err := exec.Command("go", "list", "-deps", "-f",
		"{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}{{end}}{{end}}", "./cmd/outcrop").Output()
	if err != nil {
		t.Fatal(err)
	}
	contained := slices.Compact(slices.Sorted(slices.Values(strings.Split(strings.TrimSpace(string(list)), "\n"))))
	contained = slices.DeleteFunc(contained, func(m string) bool { return m == "" })
	slices.Sort(named)
	for _, m := range contained {
		if !slices.Contains(named, m) {
			t.Errorf("NOTICE lacks %s; `make notices` writes it again", m)
		}
	}
	for _, m := range named {
		if !slices.Contains(contained, m) {
			t.Errorf("NOTICE names %s, which the binary does not contain; `make notices` writes it again", m)
		}
	}
	if len(contained) < 10 {
		t.Errorf("the binary contains %d modules", len(contained))
	}
}
