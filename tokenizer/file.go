package tokenizer

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/outcrop-lab/outcrop/count"
	"github.com/outcrop-lab/outcrop/plain"
)

// file is tokenizer.json as the library tokenizers writes it. What may hold several things is kept as it is.
type file struct {
	Version       string          `json:"version"`
	Truncation    json.RawMessage `json:"truncation"`
	Padding       json.RawMessage `json:"padding"`
	AddedTokens   []addedToken    `json:"added_tokens"`
	Normalizer    json.RawMessage `json:"normalizer"`
	PreTokenizer  json.RawMessage `json:"pre_tokenizer"`
	PostProcessor json.RawMessage `json:"post_processor"`
	Decoder       json.RawMessage `json:"decoder"`
	Model         json.RawMessage `json:"model"`
}

type addedToken struct {
	ID         uint32 `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"`
	RStrip     bool   `json:"rstrip"`
	Normalized bool   `json:"normalized"`
	Special    bool   `json:"special"`
}

// byteLevel is the part that splits, decodes or comes after. Offsets are no matter here.
type byteLevel struct {
	Type           string `json:"type"`
	AddPrefixSpace bool   `json:"add_prefix_space"`
	TrimOffsets    bool   `json:"trim_offsets"`
	UseRegex       bool   `json:"use_regex"`
}

type model struct {
	Type         string         `json:"type"`
	Dropout      *float64       `json:"dropout"`
	UnkToken     *string        `json:"unk_token"`
	Prefix       *string        `json:"continuing_subword_prefix"`
	Suffix       *string        `json:"end_of_word_suffix"`
	FuseUnk      bool           `json:"fuse_unk"`
	ByteFallback bool           `json:"byte_fallback"`
	IgnoreMerges bool           `json:"ignore_merges"`
	Vocab        vocabulary     `json:"vocab"`
	Merges       []spelledMerge `json:"merges"`
}

// vocabulary maps each token, in the characters of the file, to its id. It is written in the order of the ids.
type vocabulary map[string]uint32

// MarshalJSON implements json.Marshaler.
func (v vocabulary) MarshalJSON() ([]byte, error) {
	tokens := make([]string, 0, len(v))
	for token := range v {
		tokens = append(tokens, token)
	}
	slices.SortFunc(tokens, func(a, b string) int { return cmp.Compare(v[a], v[b]) })
	if len(tokens) == 0 {
		return []byte("{}"), nil
	}
	var out bytes.Buffer
	separator := '{'
	for _, token := range tokens {
		key, err := compact(token)
		if err != nil {
			return nil, err
		}
		_, _ = fmt.Fprintf(&out, "%c%s:%d", separator, key, v[token])
		separator = ','
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// spelledMerge is a merge in the characters of the file: a list of two, or in older files one text with a blank.
type spelledMerge [2]string

// UnmarshalJSON implements json.Unmarshaler.
func (m *spelledMerge) UnmarshalJSON(content []byte) error {
	var text string
	if json.Unmarshal(content, &text) == nil {
		left, right, ok := strings.Cut(text, " ")
		if !ok || strings.Contains(right, " ") {
			return fmt.Errorf("the merge %q: wants two tokens and a blank between them", text)
		}
		*m = spelledMerge{left, right}
		return nil
	}
	var parts []string
	if json.Unmarshal(content, &parts) != nil || len(parts) != 2 {
		return fmt.Errorf("the merge %s: wants two tokens", content)
	}
	*m = spelledMerge(parts)
	return nil
}

// Read returns the tokenizer of a tokenizer.json. It takes byte-level BPE with GPT-2's splitting alone: everything else
// that such a file may hold is refused by name, and so is what cannot be right, such as a hole in the ids.
func Read(content []byte) (*Tokenizer, error) {
	var f file
	if err := decode(content, &f); err != nil {
		return nil, fmt.Errorf("tokenizer: not a tokenizer.json: %w", err)
	}
	if err := f.check(); err != nil {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	var whole struct {
		file
		Model model `json:"model"`
	}
	if err := decode(content, &whole); err != nil {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	if err := whole.Model.check(); err != nil {
		return nil, fmt.Errorf("tokenizer: model: %w", err)
	}
	t, err := whole.Model.tokenizer(f.AddedTokens)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	return t, nil
}

// decode reads one JSON value and nothing else. An error names the line.
func decode(content []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(content))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			return fmt.Errorf("line %d: something follows the JSON value", lineOf(content, d.InputOffset()))
		}
		return nil
	}
	return plain.JSON(content, err)
}

// lineOf returns the line of a place in a text, from 1.
func lineOf(content []byte, offset int64) int {
	return 1 + bytes.Count(content[:min(int64(len(content)), offset)], []byte{'\n'})
}

// check refuses the parts of the file that would change the tokens.
func (f *file) check() error {
	if kind := typeOf(f.Model); kind != "BPE" {
		return fmt.Errorf("the model is %s: only BPE is read", kind)
	}
	for _, part := range []struct {
		name    string
		content json.RawMessage
	}{{"normalizer", f.Normalizer}, {"truncation", f.Truncation}, {"padding", f.Padding}} {
		if !absent(part.content) {
			return fmt.Errorf("it has a %s (%s): only files without one are read", part.name, typeOf(part.content))
		}
	}
	for _, part := range []struct {
		name    string
		content json.RawMessage
		needed  bool
	}{{"pre_tokenizer", f.PreTokenizer, true}, {"decoder", f.Decoder, true}, {"post_processor", f.PostProcessor, false}} {
		if absent(part.content) && !part.needed {
			continue
		}
		if kind := typeOf(part.content); kind != "ByteLevel" {
			return fmt.Errorf("the %s is %s: only ByteLevel is read", part.name, kind)
		}
	}
	b := byteLevel{UseRegex: true}
	if err := decode(f.PreTokenizer, &b); err != nil {
		return fmt.Errorf("pre_tokenizer: %w", err)
	}
	if !b.UseRegex {
		return errors.New("pre_tokenizer: use_regex is false: only GPT-2's splitting is read")
	}
	if b.AddPrefixSpace {
		return errors.New("pre_tokenizer: add_prefix_space is true: a blank that the text has not would not decode back")
	}
	return nil
}

func absent(content json.RawMessage) bool {
	return len(content) == 0 || string(bytes.TrimSpace(content)) == "null"
}

// typeOf returns the "type" of a part of the file, or the begin of its text.
func typeOf(part json.RawMessage) string {
	var t struct {
		Type string `json:"type"`
	}
	if absent(part) {
		return "missing"
	}
	if json.Unmarshal(part, &t) == nil && t.Type != "" {
		return t.Type
	}
	return string(part[:min(len(part), 40)])
}

// check refuses the settings of a BPE model that would change the tokens.
func (m *model) check() error {
	switch {
	case m.Dropout != nil && *m.Dropout != 0:
		return fmt.Errorf("dropout is %v: only models without dropout are read", *m.Dropout)
	case m.Prefix != nil && *m.Prefix != "":
		return fmt.Errorf("continuing_subword_prefix is %q: only models without one are read", *m.Prefix)
	case m.Suffix != nil && *m.Suffix != "":
		return fmt.Errorf("end_of_word_suffix is %q: only models without one are read", *m.Suffix)
	case m.ByteFallback:
		return errors.New("byte_fallback is true: only models without it are read")
	case m.IgnoreMerges:
		return errors.New("ignore_merges is true: only models without it are read")
	}
	return nil
}

// tokenizer returns the tokenizer of a model and its added tokens.
func (m *model) tokenizer(addedTokens []addedToken) (*Tokenizer, error) {
	t := &Tokenizer{ranks: map[pair]merge{}}
	if err := t.take(m.Vocab, addedTokens); err != nil {
		return nil, err
	}
	for b, c := range characters {
		id, ok := m.Vocab[string(c)]
		if !ok {
			return nil, fmt.Errorf("the vocabulary lacks the byte %#02x (%q): byte-level BPE has all 256", b, c)
		}
		t.bytes[b] = id
	}
	for i, s := range m.Merges {
		var ids [3]uint32
		for k, token := range []string{s[0], s[1], s[0] + s[1]} {
			id, ok := m.Vocab[token]
			if !ok {
				return nil, fmt.Errorf("merge %d joins %q and %q, but the vocabulary lacks %q", i, s[0], s[1], token)
			}
			ids[k] = id
		}
		p := pair{ids[0], ids[1]}
		t.ranks[p] = merge{int32(i), ids[2]}
		t.merges = append(t.merges, p)
	}
	return t, nil
}

// take fills in the tokens, whose ids must be 0 … n-1.
func (t *Tokenizer) take(vocab vocabulary, addedTokens []addedToken) error {
	texts := map[uint32]string{}
	for token, id := range vocab {
		if before, twice := texts[id]; twice {
			return fmt.Errorf("the vocabulary gives the id %d to %q and %q", id, min(before, token), max(before, token))
		}
		texts[id] = token
	}
	plain := map[uint32]string{}
	for _, a := range addedTokens {
		if err := a.check(vocab, texts); err != nil {
			return err
		}
		if _, twice := plain[a.ID]; twice {
			return fmt.Errorf("the added token %q: another one has its id, %d", a.Content, a.ID)
		}
		texts[a.ID], plain[a.ID] = a.Content, a.Content
		kind := &t.first
		if a.Normalized {
			kind = &t.second
		}
		*kind = append(*kind, added{a.ID, a.Content})
	}
	for _, tokens := range [][]added{t.first, t.second} {
		slices.SortFunc(tokens, func(a, b added) int {
			return cmp.Or(len(b.content)-len(a.content), strings.Compare(a.content, b.content))
		})
	}
	t.tokens = make([][]byte, len(texts))
	for id := range t.tokens {
		text, ok := texts[uint32(id)]
		if !ok {
			return fmt.Errorf("the vocabulary has a hole: %s, but none with the id %d", count.Of(len(texts), "token"), id)
		}
		if content, ok := plain[uint32(id)]; ok {
			t.tokens[id] = []byte(content)
			continue
		}
		spelled, ok := unspell(text)
		if !ok {
			return fmt.Errorf("the token %q (id %d) has a character that stands for no byte", text, id)
		}
		t.tokens[id] = spelled
	}
	return nil
}

// check refuses an added token that does not fit the vocabulary.
func (a addedToken) check(vocab vocabulary, texts map[uint32]string) error {
	switch before, taken := texts[a.ID]; {
	case a.Content == "":
		return fmt.Errorf("the added token of id %d is empty", a.ID)
	case a.SingleWord || a.LStrip || a.RStrip:
		return fmt.Errorf("the added token %q has single_word, lstrip or rstrip: only tokens without are read", a.Content)
	case taken && before != a.Content:
		return fmt.Errorf("the added token %q has the id %d, which is that of %q", a.Content, a.ID, before)
	}
	if id, ok := vocab[a.Content]; ok && id != a.ID {
		return fmt.Errorf("the added token %q has the id %d, but the vocabulary gives it %d", a.Content, a.ID, id)
	}
	return nil
}

// JSON returns a tokenizer that Train made as a tokenizer.json, byte for byte as the library tokenizers saves it.
func (t *Tokenizer) JSON() ([]byte, error) {
	m := model{Type: "BPE", Vocab: vocabulary{}, Merges: []spelledMerge{}}
	f := file{Version: "1.0", AddedTokens: []addedToken{}}
	for id, token := range t.tokens {
		m.Vocab[spell(token)] = uint32(id)
	}
	for _, p := range t.merges {
		m.Merges = append(m.Merges, spelledMerge{spell(t.tokens[p.left]), spell(t.tokens[p.right])})
	}
	var err error
	for _, part := range []struct {
		into *json.RawMessage
		from any
	}{
		{&f.Model, m},
		{&f.PreTokenizer, byteLevel{Type: "ByteLevel", TrimOffsets: true, UseRegex: true}},
		{&f.Decoder, byteLevel{Type: "ByteLevel", AddPrefixSpace: true, TrimOffsets: true, UseRegex: true}},
	} {
		if *part.into, err = compact(part.from); err != nil {
			return nil, fmt.Errorf("tokenizer: %w", err)
		}
	}
	content, err := compact(f)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, content, "", "  "); err != nil {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	return out.Bytes(), nil
}

// compact returns a value as JSON in which <, > and & stand as they are.
func compact(value any) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	err := e.Encode(value)
	return bytes.TrimRight(out.Bytes(), "\n"), err
}
