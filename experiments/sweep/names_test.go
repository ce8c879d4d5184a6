package sweep

import (
	"fmt"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/settings"
)

// A name that no folder or legend can hold is refused at its place, before anything trains; one of the longest is
// taken.
func TestLongNames(t *testing.T) {
	const sweep = "name: %s\nbase: {arch: {layers: 1, width: 16, heads: 2}}\narms: {%s: {}}\n"
	longest := strings.Repeat("n", settings.LongestName)
	if _, err := LoadBytes("s.yaml", fmt.Appendf(nil, sweep, longest, longest)); err != nil {
		t.Error(err)
	}
	for _, n := range []int{settings.LongestName + 1, 10_000} {
		long := strings.Repeat("n", n)
		for place, src := range map[string]string{
			"s.yaml:1:7: name: ": fmt.Sprintf(sweep, long, "a"), "s.yaml:3:8: arms: ": fmt.Sprintf(sweep, "s", long),
		} {
			_, err := LoadBytes("s.yaml", []byte(src))
			if err == nil || !strings.HasPrefix(err.Error(), place) || !strings.Contains(err.Error(), "at most 100") ||
				len(err.Error()) > 400 {
				t.Errorf("%d characters: %v, want a short message at %s", n, err, place)
			}
		}
	}
	grid := fmt.Sprintf(sweep, "s", "a") + "grid: {data.path: [a.txt, " + strings.Repeat("p", 300) + "]}\n"
	_, err := LoadBytes("s.yaml", []byte(strings.Replace(grid, "base: {", "base: {data: {name: text}, ", 1)))
	if err == nil || !strings.Contains(err.Error(), "s.yaml:4:27: grid.data.path: makes an arm's name of") {
		t.Errorf("a long value: %v", err)
	}
}
