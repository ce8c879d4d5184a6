package tokenizer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
)

// What is no byte-level BPE with GPT-2's splitting is refused by name, and so is what cannot be right.
func TestReadRefuses(t *testing.T) {
	sound, err := os.ReadFile(opticksTokenizer)
	if err != nil {
		t.Fatal(err)
	}
	added := func(tokens string) [2]string {
		return [2]string{`"added_tokens": []`, `"added_tokens": [` + tokens + `]`}
	}
	token := func(id int, content string) string {
		return fmt.Sprintf(`{"id": %d, "content": %q, "single_word": false, "lstrip": false, "rstrip": false, `+
			`"normalized": false, "special": true}`, id, content)
	}
	for name, c := range map[string]struct {
		replace [2]string
		want    string
	}{
		"another model":     {[2]string{`"type": "BPE"`, `"type": "WordPiece"`}, "the model is WordPiece: only BPE"},
		"a normaliser":      {[2]string{`"normalizer": null`, `"normalizer": {"type": "NFC"}`}, "a normalizer (NFC)"},
		"another splitting": {[2]string{`"type": "ByteLevel"`, `"type": "Whitespace"`}, "the pre_tokenizer is Whitespace"},
		"no splitting":      {[2]string{`"use_regex": true`, `"use_regex": false`}, "use_regex is false"},
		"a blank before":    {[2]string{`"add_prefix_space": false`, `"add_prefix_space": true`}, "add_prefix_space is true"},
		"truncation":        {[2]string{`"truncation": null`, `"truncation": {"max_length": 5}`}, "it has a truncation"},
		"a template": {[2]string{`"post_processor": null`, `"post_processor": {"type": "TemplateProcessing"}`},
			"post_processor is TemplateProcessing"},
		"dropout": {[2]string{`"dropout": null`, `"dropout": 0.1`}, "dropout is 0.1"},
		"a prefix": {[2]string{`"continuing_subword_prefix": null`, `"continuing_subword_prefix": "##"`},
			`prefix is "##"`},
		"ignored merges":     {[2]string{`"ignore_merges": false`, `"ignore_merges": true`}, "ignore_merges is true"},
		"an unknown field":   {[2]string{`"version"`, `"colour": 1, "version"`}, `unknown field "colour"`},
		"a hole":             {[2]string{`": 1022`, `": 1023`}, "a hole: 1023 tokens, but none with the id 1022"},
		"two of one id":      {[2]string{`": 1022`, `": 1021`}, "gives the id 1021 to"},
		"an id past all":     {[2]string{`": 1022`, `": 4294967296`}, "cannot be number 4294967296"},
		"a negative id":      {[2]string{`": 1022`, `": -1`}, "cannot be number -1"},
		"a byte that lacks":  {[2]string{`"B": 33,`, ``}, "a hole"},
		"a foreign letter":   {[2]string{`"B": 33,`, `"☃": 33,`}, `"☃" (id 33) has a character that stands for no byte`},
		"a merge of nothing": {[2]string{`"th"` + "\n      ]", `"tqh"` + "\n      ]"}, `the vocabulary lacks "tqh"`},
		"a merge of three":   {[2]string{`"t",` + "\n        \"h\"", `"t", "h", "e"`}, "wants two tokens"},
		"an added id taken":  {added(token(5, "<s>")), `"<s>" has the id 5, which is that of "&"`},
		"an added text":      {added(token(1023, "the")), `but the vocabulary gives it`},
		"an added hole":      {added(token(1024, "<s>")), "a hole"},
		"added twice":        {added(token(1023, "<s>") + "," + token(1023, "<s>")), "another one has its id"},
		"added and empty":    {added(token(1023, "")), "is empty"},
		"added, of a word": {added(strings.Replace(token(1023, "<s>"), `"single_word": false`, `"single_word": true`, 1)),
			"single_word, lstrip or rstrip"},
	} {
		content := strings.Replace(string(sound), c.replace[0], c.replace[1], 1)
		if content == string(sound) {
			t.Errorf("%s: nothing was replaced", name)
		}
		if _, err := Read([]byte(content)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

// A file that is cut off or no tokenizer at all is refused, with the line.
func TestReadRefusesOtherFiles(t *testing.T) {
	sound, err := os.ReadFile(opticksTokenizer)
	if err != nil {
		t.Fatal(err)
	}
	for content, want := range map[string]string{
		"":                             "line 1, byte 0: the JSON ends too early",
		string(sound[:2000]):           "the JSON ends too early",
		string(sound) + "x":            "something follows",
		"[]":                           "cannot be array",
		"{}":                           "the model is missing",
		`{"model": {"type": "BPE"}}`:   "the pre_tokenizer is missing",
		"{\n\"version\": \"1.0\",\n!}": "line 3, byte 21: '!' cannot stand here in JSON",
	} {
		if _, err := Read([]byte(content)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v, want %s", content, err, want)
		}
	}
}

// Merges of older files are texts with a blank.
func TestReadMergesAsTexts(t *testing.T) {
	sound, err := os.ReadFile(opticksTokenizer)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(sound, []byte(`"merges"`))
	merges := string(sound[at:])
	merges = strings.ReplaceAll(merges, "      [\n        \"", `"`)
	merges = strings.ReplaceAll(merges, "\",\n        \"", " ")
	merges = strings.ReplaceAll(merges, "\"\n      ]", `"`)
	older, err := Read(append(sound[:at:at], merges...))
	if err != nil {
		t.Fatal(err)
	}
	if want := open(t, opticksTokenizer).Digest(); older.Digest() != want || older.Merges() != 767 {
		t.Errorf("digest %s and %d merges, want %s and 767", older.Digest(), older.Merges(), want)
	}
}

// Whatever bytes are read as a tokenizer, one that is taken turns any bytes into tokens and back, and is written so
// that it can be read again.
func FuzzRead(f *testing.F) {
	small, err := Train([]io.Reader{strings.NewReader("the light of the light is the light")}, 260, false)
	if err != nil {
		f.Fatal(err)
	}
	spaced, err := small.JSON()
	if err != nil {
		f.Fatal(err)
	}
	var sound bytes.Buffer // a fuzzer gets on only from small seeds
	if err := json.Compact(&sound, spaced); err != nil {
		f.Fatal(err)
	}
	added := `"added_tokens":[{"id":260,"content":"<|end of text|>","single_word":false,"lstrip":false,"rstrip":false,` +
		`"normalized":false,"special":true}]`
	for _, replaced := range [][2]string{{"", ""}, {`"added_tokens":[]`, added}, {`"Ġ"`, `"x"`}} {
		f.Add(bytes.Replace(sound.Bytes(), []byte(replaced[0]), []byte(replaced[1]), 1))
	}
	f.Add([]byte(`{"model": {"type": "BPE", "vocab": {}, "merges": []}}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		k, err := Read(content)
		if err != nil {
			return
		}
		text := "the light's <|end of text|>\xff\n" + string(content[:min(len(content), 100)])
		if got := decoded(t, k, k.Encode([]byte(text))); got != text {
			t.Errorf("%q comes back as %q", text, got)
		}
	})
}
