package data

import (
	"bytes"
	"compress/bzip2"
	"embed"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/outcrop-lab/outcrop/regularfile"
	"github.com/outcrop-lab/outcrop/tokenizer"
	"github.com/outcrop-lab/outcrop/variant"
)

// The texts and tokenizers that ship with the program. texts/README.md says where the texts come from.
//
//go:embed texts/*.txt.bz2
var textFiles embed.FS

//go:embed tokenizers/*.json
var tokenizerFiles embed.FS

// Texts returns the names of the texts that ship with the program, sorted.
func Texts() []string { return names(textFiles, "texts", ".txt.bz2") }

// Tokenizers returns the names of the tokenizers that ship with the program, sorted.
func Tokenizers() []string { return names(tokenizerFiles, "tokenizers", ".json") }

func names(files embed.FS, dir, suffix string) []string {
	entries, err := files.ReadDir(dir)
	if err != nil {
		panic(err) // the folder is part of the program
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), suffix))
	}
	return names
}

// OpenText returns a reader of a text that ships with the program.
func OpenText(name string) (io.Reader, error) {
	text, _, err := openText(name)
	return text, err
}

// openText returns a reader of a text that ships with the program, and the number of its bytes.
func openText(name string) (io.Reader, int64, error) {
	content, err := textFiles.ReadFile(path.Join("texts", name+".txt.bz2"))
	if err != nil {
		return nil, 0, variant.Unknown("text", name, Texts())
	}
	return bzip2.NewReader(bytes.NewReader(content)), textSizes[name], nil
}

// textSizes holds the number of bytes of each text that ships.
var textSizes = map[string]int64{"books": 6_003_104, "opticks": 567_198}

// AboutText says in a line what a text is that ships with the program.
func AboutText(name string) string {
	return map[string]string{
		"books":   "6,000,000 characters of English prose, from James Fenimore Cooper's The Spy (1821) on",
		"opticks": "Isaac Newton, Opticks (1730), 567,038 characters",
	}[name]
}

// mostTokenizer is the size of the largest tokenizer.json that is read: those of trained models take up to 20 MB.
const mostTokenizer = 64 << 20

// OpenTokenizer returns a tokenizer that ships with the program, or that of a tokenizer.json. A name takes precedence
// over a file of that name, which ./NAME names.
func OpenTokenizer(nameOrPath string) (*tokenizer.Tokenizer, error) {
	var content []byte
	var err error
	if slices.Contains(Tokenizers(), nameOrPath) {
		content, err = tokenizerFiles.ReadFile(path.Join("tokenizers", nameOrPath+".json"))
	} else {
		content, err = regularfile.Read(nameOrPath, mostTokenizer)
	}
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %w; those that ship are %s", err, strings.Join(Tokenizers(), ", "))
	}
	t, err := tokenizer.Read(content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", nameOrPath, err)
	}
	return t, nil
}
