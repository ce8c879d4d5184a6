package plain_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"strconv"
	"testing"

	"github.com/outcrop-lab/outcrop/plain"
)

// goTexts are the words of Go's own errors.
var goTexts = regexp.MustCompile(`exit status|signal: |EOF|unexpected end|invalid character|cannot unmarshal|` +
	`context (canceled|deadline)|strconv\.|invalid syntax|json: `)

func TestJSON(t *testing.T) {
	for text, want := range map[string]string{
		``:                        "line 1, byte 0: the JSON ends too early",
		"{\n\"a\": 1":             "line 2, byte 8: the JSON ends too early",
		"{\"a\": 1,\n!}":          "line 2, byte 10: '!' cannot stand here in JSON",
		`{"a": "x"}`:              "line 1, byte 9: a cannot be string",
		`[]`:                      "line 1, byte 1: the value cannot be array",
		`{"a": 1} 7`:              "line 1, byte 10: '7' cannot stand here in JSON",
		`{"a": 99999999999999e9}`: "line 1, byte 22: a cannot be number 99999999999999e9",
		"\x00\x00":                `line 1, byte 1: '\x00' cannot stand here in JSON`,
	} {
		var into struct {
			A int `json:"a"`
		}
		if got := plain.JSON([]byte(text), json.Unmarshal([]byte(text), &into)); got == nil || got.Error() != want {
			t.Errorf("%q: got %v, want %s", text, got, want)
		}
	}
	if err := plain.JSON([]byte(`{}`), nil); err != nil {
		t.Errorf("no error became %v", err)
	}
}

func TestEnded(t *testing.T) {
	for script, want := range map[string]string{
		"exit 3":      "ended with exit code 3",
		"kill -9 $$":  "was killed (SIGKILL)",
		"kill -15 $$": "was killed (SIGTERM)",
	} {
		if got := plain.Ended(exec.Command("sh", "-c", script).Run()); got != want {
			t.Errorf("%s: got %q, want %q", script, got, want)
		}
	}
}

func TestText(t *testing.T) {
	_, number := strconv.Atoi("1x")
	_, large := strconv.ParseUint("99999999999999999999", 10, 64)
	_, truth := strconv.ParseBool("maybe")
	var value int
	for _, c := range []struct {
		err  error
		want string
	}{
		{number, `a: "1x" is not a whole number`},
		{large, "a: 99999999999999999999 is too large or too small for a whole number"},
		{truth, `a: "maybe" is not true or false`},
		{io.EOF, "a: it ends too early"},
		{io.ErrUnexpectedEOF, "a: it ends too early"},
		{context.Canceled, "a: interrupted"},
		{context.DeadlineExceeded, "a: the time for it was over"},
		{exec.Command("sh", "-c", "exit 4").Run(), "a: ended with exit code 4"},
		{json.Unmarshal([]byte(`{"x`), &value), "a: the JSON ends too early, after byte 3"},
		{json.Unmarshal([]byte(`{x`), &value), "a: no JSON can go on as it does at byte 2"},
		{errors.Join(io.EOF, errors.New("b")), "a: it ends too early\nb"},
		{errors.New("the file EOF.txt is empty"), "a: the file EOF.txt is empty"},
		{fmt.Errorf("EOF.txt: %w", io.EOF), "a: EOF.txt: it ends too early"},
	} {
		got := plain.Text(fmt.Errorf("a: %w", c.err))
		if got != c.want {
			t.Errorf("%v: got %q, want %q", c.err, got, c.want)
		}
		if c.err != nil && goTexts.MatchString(regexp.MustCompile(`EOF\.txt`).ReplaceAllString(got, "")) {
			t.Errorf("%q holds one of Go's own texts", got)
		}
	}
}
