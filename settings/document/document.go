// Package document reads what a user writes in YAML: one document, strictly, with the place of each mistake, and its
// values by the type that is wanted.
package document

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"github.com/outcrop-lab/outcrop/settings"
)

// Read reads the one YAML document of a file and returns its root, a map. The keys of each map are single values, and
// each is there once; there are no aliases, no merge keys and no tags beyond the core schema's. Read returns nil for a
// file that holds nothing, or only comments or null. An error is a *settings.InputError.
func Read(file string, src []byte) (*yaml.Node, error) {
	root, faults := read(src)
	if root != nil && len(faults) == 0 && IsNull(root) {
		return nil, nil
	}
	if root != nil && len(faults) == 0 && root.Kind != yaml.MappingNode {
		faults = []settings.Fault{faultAt(root, "", "wants a map of keys, got %s", Describe(root))}
	}
	for i := range faults {
		faults[i].File = file
	}
	return root, settings.Refuse(faults...)
}

// Value reads text as one YAML value of any kind. It refuses what Read refuses, and comments, because what follows a #
// would be lost.
func Value(text string) (*yaml.Node, error) {
	root, faults := read([]byte(text))
	switch {
	case len(faults) > 0:
		return nil, errors.New(strings.TrimPrefix(faults[0].Message, "is not YAML: "))
	case root == nil:
		return nil, errors.New("holds no value")
	case commented(root):
		return nil, errors.New("holds a comment: put text that contains # in quotes")
	}
	return root, nil
}

func read(src []byte) (*yaml.Node, []settings.Fault) {
	if fault, bad := unreadable(src); bad {
		return nil, []settings.Fault{fault}
	}
	if rest, found := bytes.CutPrefix(src, []byte("%YAML 1.2")); found { // which the library calls incompatible
		src = append([]byte("#YAML 1.2"), rest...)
	}
	loader, err := yaml.NewLoader(bytes.NewReader(src))
	var first, second yaml.Node
	if err == nil {
		err = loader.Load(&first)
	}
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err == nil {
		if err = loader.Load(&second); err == nil {
			return nil, []settings.Fault{faultAt(&second, "", "wants one YAML document, and here a second one begins")}
		}
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, []settings.Fault{misread(src, err)}
	}
	if len(first.Content) == 0 {
		return nil, nil
	}
	root := first.Content[0]
	return root, check(nil, root, "")
}

func faultAt(n *yaml.Node, key, format string, args ...any) settings.Fault {
	return settings.Fault{Line: n.Line, Column: n.Column, Key: key, Message: fmt.Sprintf(format, args...)}
}

// unreadable finds the first character that no YAML file in UTF-8 may hold.
func unreadable(src []byte) (fault settings.Fault, found bool) {
	if bytes.HasPrefix(src, []byte("\xff\xfe")) || bytes.HasPrefix(src, []byte("\xfe\xff")) {
		return settings.Fault{Line: 1, Column: 1, Message: "is UTF-16: save it as UTF-8"}, true
	}
	line, column := 1, 1
	for rest := src; len(rest) > 0; {
		r, n := utf8.DecodeRune(rest)
		at := settings.Fault{Line: line, Column: column}
		switch {
		case r == utf8.RuneError && n == 1:
			at.Message = fmt.Sprintf("the byte 0x%02x is not UTF-8: save the file as UTF-8", rest[0])
			return at, true
		case r < ' ' && r != '\t' && r != '\n' && r != '\r', r >= 0x7f && r < 0xa0 && r != 0x85:
			at.Message = fmt.Sprintf("holds the control character U+%04X, which YAML does not allow", r)
			return at, true
		}
		column++
		if r == '\n' {
			line, column = line+1, 1
		}
		rest = rest[n:]
	}
	return settings.Fault{}, false
}

// misread turns an error of the YAML library into a fault.
func misread(src []byte, err error) settings.Fault {
	at := new(yaml.LoadError)
	if !errors.As(err, &at) || at.Mark.Line < 1 {
		return settings.Fault{Message: fmt.Sprintf("is not YAML: %v", err)}
	}
	fault := settings.Fault{Line: at.Mark.Line, Column: max(at.Mark.Column, 1)}
	lines := strings.Split(string(src), "\n")
	line := []rune(lines[min(fault.Line, len(lines))-1])
	indent := line[:len(line)-len([]rune(strings.TrimLeft(string(line), " \t")))]
	character := append(line, ' ')[min(fault.Column, len(line)+1)-1]
	switch {
	case strings.ContainsRune(string(indent), '\t'):
		fault.Column = strings.IndexRune(string(indent), '\t') + 1
		fault.Message = "a tab: YAML wants spaces to indent"
	case character == '\t':
		fault.Message = "a tab: YAML wants spaces here"
	case strings.Contains(at.Message, "cannot start any token"):
		fault.Message = fmt.Sprintf("%q cannot begin a value: put the value in quotes", character)
	default:
		fault.Message = "is not YAML: " + at.Message
		if at.ContextMsg != "" {
			fault.Message = "is not YAML: " + at.ContextMsg + ": " + at.Message
		}
	}
	return fault
}

// check appends what Read refuses in a node under a dotted key and in all nodes below it.
func check(faults []settings.Fault, n *yaml.Node, key string) []settings.Fault {
	if n.Kind == yaml.AliasNode {
		return append(faults, faultAt(n, key, "aliases are not supported: repeat it, or move it to base"))
	}
	if n.Style&yaml.TaggedStyle != 0 && !coreTags[n.ShortTag()] {
		faults = append(faults, faultAt(n, key, "the tag %s means nothing here: remove it", n.ShortTag()))
	}
	if n.Kind != yaml.MappingNode {
		for _, item := range n.Content {
			faults = check(faults, item, key)
		}
		return faults
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, value := n.Content[i], n.Content[i+1]
		switch first, twice := seen[k.Value]; {
		case k.ShortTag() == "!!merge":
			faults = append(faults, faultAt(k, key, "merge keys (<<) are not supported: arms are merged over base"))
			continue
		case k.Kind != yaml.ScalarNode:
			faults = append(faults, faultAt(k, key, "wants a word as a key, got %s", Describe(k)))
			continue
		case twice:
			faults = append(faults, faultAt(k, key, "key %q appears twice, first in line %d", k.Value, first))
			continue
		}
		seen[k.Value] = k.Line
		faults = check(faults, value, settings.Join(key, k.Value))
	}
	return faults
}

func commented(n *yaml.Node) bool {
	if n.HeadComment+n.LineComment+n.FootComment != "" {
		return true
	}
	for _, below := range n.Content {
		if commented(below) {
			return true
		}
	}
	return false
}

// Find returns the value of a key of a map, or nil.
func Find(n *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}
