package main

import (
	"database/sql"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	_ "github.com/mattn/go-sqlite3" // the driver
)

// goTexts are the words of the errors of Go's own libraries, none of which a user shall read.
var goTexts = regexp.MustCompile(`exit status|signal: |\bEOF\b|unexpected end|invalid character|cannot unmarshal|` +
	`context (canceled|deadline)|strconv\.|invalid syntax| json: |quoted-field|unknown unit|missing unit`)

// saysPlainly checks that a command's messages hold some words, and none of Go's own.
func saysPlainly(t *testing.T, stderr, want string) {
	t.Helper()
	if !strings.Contains(stderr, want) || goTexts.MatchString(stderr) {
		t.Errorf("got %q, want %q and none of Go's own words", stderr, want)
	}
}

func TestFlagsInPlainWords(t *testing.T) {
	for args, want := range map[string]string{
		"plan x.yaml --json=maybe":        `--json: wants true or false, got "maybe"; see outcrop plan --help`,
		"plan x.yaml --verbose=foo":       `--verbose: wants true or false, got "foo"`,
		"compare a b --step 1x":           `--step: wants a whole number, got "1x"`,
		"compare a --step 9" + zeros:      `--step: wants a whole number, got "9` + zeros,
		"tokenizer train x --vocab 1e3":   `--vocab: wants a whole number, got "1e3"`,
		"stop a --wait 5":                 `--wait: wants a time with its unit, such as 90s or 5m, got "5"`,
		"status --watch --every 1x":       `--every: wants a time with its unit, such as 90s or 5m, got "1x"`,
		"plan x.yaml --jobs 1" + zeros:    `--jobs: wants auto or a whole number`,
		`probe x --sites "a`:              `--sites: wants words with commas between and no quotation marks, got "\"a"`,
		"fit x --interval-seed -1":        `--interval-seed: wants a whole number from 0 on, got "-1"`,
		"plan x.yaml --retries nineteen ": `--retries: wants a whole number, got "nineteen"`,
	} {
		code, _, stderr := outcrop(t.Context(), append(strings.Fields(args), "--results", t.TempDir())...)
		if code != exitInput {
			t.Errorf("%s: exit %d, want %d", args, code, exitInput)
		}
		saysPlainly(t, stderr, want)
	}
}

const zeros = "0000000000000000000000"

func TestNotificationsEndInPlainWords(t *testing.T) {
	file, dir := sweepFile(t, strings.ReplaceAll(tiny, "STEPS", "5")), t.TempDir()
	for command, want := range map[string]string{
		"exit 3":     "the notification command ended with exit code 3: exit 3",
		"kill -9 $$": "the notification command was killed (SIGKILL): kill -9 $$",
	} {
		code, _, stderr := outcrop(t.Context(), "run", file, "--results", dir, "--notify", command)
		if code != exitDone {
			t.Errorf("exit %d", code)
		}
		saysPlainly(t, stderr, want)
	}
}

// Each file and each stored text is damaged in the ways that Go's libraries report: cut off, and something else.
func TestDamagedTextsInPlainWords(t *testing.T) {
	file, dir := sweepFile(t, strings.ReplaceAll(tiny, "STEPS", "20")), t.TempDir()
	if code, _, stderr := outcrop(t.Context(), "run", file, "--results", dir); code != exitDone {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	folders, err := filepath.Glob(filepath.Join(dir, "runs", "*"))
	if err != nil || len(folders) == 0 {
		t.Fatalf("%v, %v", folders, err)
	}
	ids := filepath.Join(t.TempDir(), "ids.json")
	database := filepath.Join(dir, "outcrop.db")
	for _, c := range []struct {
		path, content, change string // a file's content, or a change of the database
		args                  []string
		want                  string
	}{
		{ids, "", "", []string{"tokenizer", "decode", "books-1024", ids}, "ids.json: "},
		{ids, "{\n\"ids\": [1, x]}", "", []string{"tokenizer", "decode", "books-1024", ids}, "line 2, byte 14: 'x' "},
		{ids, `{"ids": ["a"]}`, "", []string{"tokenizer", "decode", "books-1024", ids}, "cannot be string"},
		{filepath.Join(folders[0], "provenance.json"), "{", "", []string{"show", "tiny/a/0"}, "the JSON ends too early"},
		{filepath.Join(folders[0], "provenance.json"), "{\n?", "", []string{"show", "tiny/a/0"}, "line 2, byte 3: '?' "},
		{"", "", `UPDATE fits SET params = '{"a": '`, []string{"fit", "tiny"}, ""},
		{"", "", `UPDATE runs SET config = '{"arch": !'`, []string{"status"}, ""},
		{"", "", `UPDATE runs SET config = '{"arch": !'`, []string{"compare", "tiny/a"}, "a stored config"},
	} {
		if c.path != "" {
			if err := os.WriteFile(c.path, []byte(c.content), 0o644); err != nil {
				t.Fatal(err)
			}
		} else {
			damage(t, database, c.change)
		}
		_, stdout, stderr := outcrop(t.Context(), append(c.args, "--results", dir)...)
		saysPlainly(t, stdout+stderr, c.want)
	}
}

func damage(t *testing.T, database, change string) {
	t.Helper()
	db, err := sql.Open("sqlite3", database)
	if err == nil {
		_, err = db.Exec(change)
		_ = db.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}
