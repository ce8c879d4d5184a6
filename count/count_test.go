package count_test

import (
	"testing"

	"github.com/outcrop-lab/outcrop/count"
)

func TestOf(t *testing.T) {
	for _, c := range []struct {
		n          int
		noun, want string
	}{
		{0, "run", "0 runs"}, {1, "run", "1 run"}, {2, "run", "2 runs"}, {-1, "step", "-1 steps"},
		{1, "new row", "1 new row"}, {3, "new row", "3 new rows"}, {1, "series", "1 series"}, {2, "series", "2 series"},
		{1, "entry", "1 entry"}, {2, "entry", "2 entries"}, {2, "key", "2 keys"}, {2, "batch", "2 batches"},
		{2, "process", "2 processes"}, {2, "index", "2 indexes"},
	} {
		if got := count.Of(c.n, c.noun); got != c.want {
			t.Errorf("%d of %q: got %q, want %q", c.n, c.noun, got, c.want)
		}
	}
	if got := count.Of(uint64(1<<63), "byte"); got != "9223372036854775808 bytes" {
		t.Errorf("2^63 bytes: got %q", got)
	}
}

func TestAgree(t *testing.T) {
	for n, want := range map[int]string{0: "were", 1: "was", 2: "were"} {
		if got := count.Agree(n, "was", "were"); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
}
