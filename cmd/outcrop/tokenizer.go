package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/outcrop-lab/outcrop/atomicfile"
	"github.com/outcrop-lab/outcrop/count"
	"github.com/outcrop-lab/outcrop/data"
	"github.com/outcrop-lab/outcrop/plain"
	"github.com/outcrop-lab/outcrop/regularfile"
	"github.com/outcrop-lab/outcrop/tokenizer"
)

func tokenizerCommand(*preferences) *cobra.Command {
	cmd := &cobra.Command{Use: "tokenizer", Short: "Train a tokenizer, or use one on a file",
		Args: arguments(cobra.NoArgs),
		Long: "Train a byte-level BPE tokenizer, or use one on a file. T is a tokenizer.json, as\n" +
			"the library tokenizers writes and reads it, or a name that ships with outcrop:\n" +
			strings.Join(data.Tokenizers(), ", ") + ".",
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(tokenizerTrain(), tokenizerEncode(), tokenizerDecode(), tokenizerShow())
	return cmd
}

func tokenizerTrain() *cobra.Command {
	vocab, out, byLine := 0, "", false
	cmd := &cobra.Command{Use: "train FILE…", Short: "Train a tokenizer on texts and write its tokenizer.json"}
	cmd.Args = arguments(cobra.MinimumNArgs(1))
	cmd.RunE = func(cmd *cobra.Command, paths []string) error {
		if out == "" || vocab == 0 {
			return usageError{errors.New("outcrop tokenizer train wants --vocab, the number of tokens, and --out, a file")}
		}
		var texts []io.Reader
		for _, path := range paths {
			text, done, err := openText(cmd, path)
			if err != nil {
				return err
			}
			defer done()
			texts = append(texts, text)
		}
		t, err := tokenizer.Train(texts, vocab, byLine)
		if err != nil {
			return usageError{err}
		}
		content, err := t.JSON()
		if err != nil {
			return err
		}
		if err := atomicfile.Write(out, content); err != nil {
			return usageError{err}
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %s, digest %s\n", out, count.Of(t.Vocab(), "token"), t.Digest())
		return err
	}
	cmd.Flags().IntVar(&vocab, "vocab", 0, "number of tokens: the 256 bytes and VOCAB-256 merges (a BOS is not counted)")
	cmd.Flags().StringVar(&out, "out", "", "tokenizer.json to write")
	cmd.Flags().BoolVar(&byLine, "by-line", false, "read each line as a text of its own, as train(files) of the library\n"+
		"tokenizers does; else a file is one text, as when it is encoded")
	return cmd
}

func tokenizerEncode() *cobra.Command {
	out, asJSON := "", false
	cmd := &cobra.Command{Use: "encode T FILE", Short: "Turn a text into tokens",
		Long: `Print the tokens of a text. FILE is a file, a text that ships with outcrop, or - for
standard input. With --out the tokens are written for data: {name: bin}: little
endian, uint16 each if the vocabulary has up to 65535 tokens, else uint32.`}
	cmd.Args = arguments(cobra.ExactArgs(2))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		t, err := data.OpenTokenizer(args[0])
		if err != nil {
			return usageError{err}
		}
		text, done, err := openText(cmd, args[1])
		if err != nil {
			return err
		}
		defer done()
		if out != "" {
			return encodeTo(cmd, t, text, out, asJSON)
		}
		content, err := io.ReadAll(text)
		if err != nil {
			return err
		}
		return printTokens(cmd.OutOrStdout(), t.Encode(content), asJSON)
	}
	cmd.Flags().StringVar(&out, "out", "", "file of tokens to write")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

// encodeTo writes the tokens of a text to the file out, and prints how many they are.
func encodeTo(cmd *cobra.Command, t *tokenizer.Tokenizer, text io.Reader, out string, asJSON bool) error {
	done := encoded{File: out, Vocab: t.Vocab(), Dtype: fmt.Sprintf("uint%d", 8*t.Width()), Digest: t.Digest()}
	err := atomicfile.Stream(out, func(w io.Writer) (err error) {
		done.Tokens, err = t.Write(w, text, t.Width())
		return err
	})
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(done)
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %s of %d, %s\n", out, count.Of(done.Tokens, "token"), done.Vocab,
		done.Dtype)
	return err
}

// encoded is the document of tokenizer encode --out.
type encoded struct {
	File   string `json:"file"`
	Tokens int64  `json:"tokens"`
	Vocab  int    `json:"vocab"`
	Dtype  string `json:"dtype"`
	Digest string `json:"tokenizer_digest"`
}

// tokens is the document of tokenizer encode without --out.
type tokens struct {
	IDs []uint32 `json:"ids"`
}

func printTokens(out io.Writer, ids []uint32, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(tokens{append([]uint32{}, ids...)})
	}
	words := make([]string, len(ids))
	for i, id := range ids {
		words[i] = strconv.Itoa(int(id))
	}
	_, err := fmt.Fprintln(out, strings.Join(words, " "))
	return err
}

func tokenizerDecode() *cobra.Command {
	out := ""
	cmd := &cobra.Command{Use: "decode T FILE", Short: "Turn tokens into text",
		Long: `Print the text of tokens, or write it with --out. FILE is a file of tokens as encode --out writes it, or,
if its name ends in .json, the document that encode --json prints. - is standard
input, in the first form.`}
	cmd.Args = arguments(cobra.ExactArgs(2))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		t, err := data.OpenTokenizer(args[0])
		if err != nil {
			return usageError{err}
		}
		ids, done, err := openText(cmd, args[1])
		if err != nil {
			return err
		}
		defer done()
		width := t.Width()
		if filepath.Ext(args[1]) == ".json" {
			if ids, err = packed(ids); err != nil {
				return usageError{fmt.Errorf("%s: %w", args[1], err)}
			}
			width = 4
		}
		write := func(w io.Writer) error {
			if err := t.Text(w, ids, width); err != nil {
				return usageError{fmt.Errorf("%s: %w", args[1], err)}
			}
			return nil
		}
		if out != "" {
			return atomicfile.Stream(out, write)
		}
		return write(cmd.OutOrStdout())
	}
	cmd.Flags().StringVar(&out, "out", "", "text file to write")
	return cmd
}

func tokenizerShow() *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{Use: "show T", Short: "Show a tokenizer's vocabulary"}
	cmd.Args = arguments(cobra.ExactArgs(1))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		t, err := data.OpenTokenizer(args[0])
		if err != nil {
			return usageError{err}
		}
		shown := tokenizerShown{Name: args[0], Vocab: t.Vocab(), Merges: t.Merges(), Digest: t.Digest(), Added: t.Added()}
		for id := range t.Vocab() {
			shown.Tokens = append(shown.Tokens, t.Label(id))
		}
		if asJSON {
			e := json.NewEncoder(cmd.OutOrStdout())
			e.SetEscapeHTML(false)
			return e.Encode(shown)
		}
		return shown.print(cmd.OutOrStdout())
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

// tokenizerShown is the document of tokenizer show. Tokens are labels, in which what does not print is escaped.
type tokenizerShown struct {
	Name   string         `json:"name"`
	Vocab  int            `json:"vocab"`
	Merges int            `json:"merges"`
	Digest string         `json:"digest"`
	Added  map[int]string `json:"added"`
	Tokens []string       `json:"tokens"`
}

// shownTokens is how many of the longest and of the last tokens are printed.
const shownTokens = 12

func (s tokenizerShown) print(out io.Writer) error {
	longest := slices.Clone(s.Tokens)
	slices.SortStableFunc(longest, func(a, b string) int { return len(b) - len(a) })
	last := s.Tokens[max(0, len(s.Tokens)-shownTokens):]
	_, err := fmt.Fprintf(out, "%s: byte-level BPE, GPT-2's splitting\n%s, %s, %d added\ndigest   %s\n"+
		"longest  %s\nlast     %s\n", s.Name, count.Of(s.Vocab, "token"), count.Of(s.Merges, "merge"),
		len(s.Added), s.Digest,
		strings.Join(longest[:min(shownTokens, len(longest))], " "), strings.Join(last, " "))
	return err
}

// openText opens a file, a text that ships with the program, or standard input.
func openText(cmd *cobra.Command, path string) (text io.Reader, done func(), err error) {
	switch {
	case path == "-":
		return cmd.InOrStdin(), func() {}, nil
	case slices.Contains(data.Texts(), path):
		text, err = data.OpenText(path)
		return text, func() {}, err
	}
	f, _, err := regularfile.Open(path)
	if err != nil {
		return nil, nil, usageError{err}
	}
	return f, func() { _ = f.Close() }, nil
}

// packed returns the tokens of a JSON document, 4 bytes each.
func packed(document io.Reader) (io.Reader, error) {
	var from tokens
	var read bytes.Buffer
	d := json.NewDecoder(io.TeeReader(document, &read))
	d.DisallowUnknownFields()
	if err := d.Decode(&from); err != nil {
		return nil, fmt.Errorf(`not a document {"ids": […]}: %w`, plain.JSON(read.Bytes(), err))
	}
	return bytes.NewReader(tokenizer.Pack(from.IDs, 4)), nil
}
