package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/fatih/color"

	"github.com/outcrop-lab/outcrop/store"
)

// hostile holds what commands a terminal: ESC, BEL, backspace and return, C1, DEL, bidirectional controls, a line
// separator, and a byte that is not UTF-8.
const hostile = "a\x1b[31mb\x07c\bd\re\u009b2Jf\x7fg\u202eh\u2066i\u061cj\u2028k\xffl\xc2\x9bm"

func TestPrintable(t *testing.T) {
	const want = `a\u001b[31mb\u0007c\u0008d\u000de\u009b2Jf\u007fg\u202eh\u2066i\u061cj\u2028k\xffl\u009bm`
	const harmless = "ä 日本 👩‍👩‍👧 שלום \uFFFD\n\tx"
	for size := 1; size < 9; size++ {
		var out bytes.Buffer
		p := newPrintable(&out)
		for text := hostile + harmless + "\xe6\x97"; text != ""; {
			n := min(size, len(text))
			if _, err := io.WriteString(p, text[:n]); err != nil {
				t.Fatal(err)
			}
			text = text[n:]
		}
		if err := p.Close(); err != nil || out.String() != want+harmless+`\xe6\x97` {
			t.Errorf("in pieces of %d: %v\n got %q\nwant %q", size, err, out.String(), want+harmless)
		}
	}
}

// The program's own colours reach a terminal, and those in a text do not.
func TestOwnColours(t *testing.T) {
	var out bytes.Buffer
	p := &printable{out: &out, mark: 0xF1234}
	_, _ = fmt.Fprintln(p, painterFor(p).paint("a\x1b[32mb", color.FgRed))
	if want := "\x1b[31ma\\u001b[32mb\x1b[0m\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
	if painterFor(newPrintable(&out)) != "" || painterFor(&out) != "" {
		t.Error("what is no terminal has colours")
	}
}

// No verb prints what commands a terminal, whoever wrote the names and messages of a database. A document says them in
// full.
func TestForeignTextIsEscaped(t *testing.T) {
	dir := t.TempDir()
	foreign(t, dir)
	id := strings.Repeat("ab", 32)
	for _, args := range [][]string{
		{"status"}, {"status", "s"}, {"show", id[:8]}, {"compare", "s"}, {"logs", id}, {"fit"}, {"derive", "s"},
		{"stop", "s"},
		{"query", "SELECT * FROM runs"}, {"query", "SELECT * FROM arms"}, {"query", "SELECT * FROM events"},
		{"query", "SELECT 1 AS '" + hostile + "'"}, {"query", "SELECT nothing AS '" + hostile + "'"},
		{"show", hostile}, {"compare", hostile}, {"status", hostile}, {"plan", hostile}, {hostile}, {"plan", "--" + hostile},
		{"plan", "quickstart", "--set", "data={name: text, path: \"" + `[\e[31m` + "\"}"},
		{"plan", "quickstart", "--set", hostile},
		{"export", "--format", hostile, "--out", filepath.Join(t.TempDir(), "x")}, {"rm", "s"}, {"__complete", "show", ""},
	} {
		for _, format := range []string{"text", "json"} {
			_, stdout, stderr := outcrop(t.Context(), append(args, "--results", dir, "--log-format", format)...)
			if stdout+stderr == "" {
				t.Errorf("%q prints nothing", args)
			}
			for _, out := range []string{stdout, stderr} {
				raw := strings.IndexAny(out, "\x1b\x07\b\r\x7f\u009b\u202e\u2066\u061c\u2028")
				if raw >= 0 || !utf8.ValidString(out) {
					t.Errorf("%q prints %q", args, out[max(0, raw-20):])
				}
			}
		}
	}
	for _, args := range [][]string{{"show", id}, {"query", "SELECT error FROM runs"}} {
		code, stdout, stderr := outcrop(t.Context(), append(args, "--json", "--results", dir)...)
		var document any
		if err := json.Unmarshal([]byte(stdout), &document); err != nil || code != exitDone ||
			!strings.Contains(fmt.Sprint(document), strings.ToValidUTF8(hostile, "\uFFFD")) {
			t.Errorf("%v: exit %d, %v: %q %s", args, code, err, document, stderr)
		}
	}
	_, stdout, _ := outcrop(t.Context(), "query", "SELECT error FROM runs", "--csv", "--results", dir)
	if !strings.Contains(stdout, "\x1b[31m") {
		t.Errorf("CSV for another program is changed: %q", stdout)
	}
}

// foreign writes a database whose every text is hostile, and the log of its run.
func foreign(t *testing.T, dir string) {
	t.Helper()
	db, err := store.Open(filepath.Join(dir, "outcrop.db"))
	if err != nil {
		t.Fatal(err)
	}
	id := strings.Repeat("ab", 32)
	run := store.Run{ID: id, Config: `{"arch":{"layers":2},"data":{"path":"` + `\u001b[31m\u0007` + `"},"seed":0}`,
		Status: "failed", Error: hostile, Device: hostile, DataDigest: hostile, Commit: hostile, GoVersion: hostile,
		CPU: hostile, Steps: 9, Slices: 1}
	if err := db.PutRun(run); err != nil {
		t.Fatal(err)
	}
	arm := store.Arm{Name: "x" + hostile, Differs: "[]"}
	member := store.Member{Sweep: "s", Arm: arm.Name, Run: id}
	sweep := store.Sweep{Name: "s", Source: hostile, Arms: []store.Arm{arm}}
	if err := db.PutSweep(sweep, []store.Member{member}); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(dir, "runs", id)
	if err := os.MkdirAll(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	line := `{"time":"2026-01-01T00:00:00Z","status":"failed` + `\u001b[31m` + `","step":1,"message":"` + `\u0007` + `"}`
	if err := os.WriteFile(filepath.Join(folder, "log.jsonl"), []byte(line+"\n"+hostile+"\n"), 0o666); err != nil {
		t.Fatal(err)
	}
}
