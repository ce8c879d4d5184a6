// Notices prints NOTICE: the licences and notices of all that bin/outcrop contains. Its argument is the folder of the
// module outcrop.
package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// own says what the module itself embeds or chooses.
//
//go:embed outcrop.txt
var own string

// likeGo is a module by Go's authors under the terms of Go itself, whose own files some distributions of Go leave out.
const likeGo = "golang.org/x/sys"

// A module is one whose packages the program contains.
type module struct {
	Path, Version, Dir string
	folders            map[string]bool // of its packages that the program contains
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: notices FOLDER")
	}
	text, err := notices(os.Args[1])
	if err != nil {
		log.Fatalf("notices: %v", err)
	}
	if _, err := os.Stdout.Write(text); err != nil {
		log.Fatal(err)
	}
}

func notices(root string) ([]byte, error) {
	modules, err := contained(root)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	text.WriteString(own)
	for _, m := range modules {
		title := m.Path + " " + m.Version
		if m.Path == likeGo {
			title += " and Go's standard library and runtime"
		}
		fmt.Fprintf(&text, "\n==== %s\n", title)
		if err := licences(&text, m); err != nil {
			return nil, err
		}
	}
	return text.Bytes(), nil
}

// contained lists the modules of the program, by path, as built for linux/amd64: no other system on which it runs needs
// others.
func contained(root string) ([]module, error) {
	list := exec.Command("go", "list", "-deps", "-json=Dir,Module", "./cmd/outcrop")
	list.Dir, list.Stderr = root, os.Stderr
	list.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=1")
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("listing the program's packages: %w", err)
	}
	modules := map[string]module{}
	for packages := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			Dir    string
			Module *module
		}
		if err := packages.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("listing the program's packages: %w", err)
		}
		if p.Module == nil || p.Module.Version == "" {
			continue // the standard library, and outcrop itself
		}
		m, ok := modules[p.Module.Path]
		if !ok {
			m = *p.Module
			m.folders = map[string]bool{}
			modules[m.Path] = m
		}
		for dir := p.Dir; len(dir) > len(m.Dir); dir = filepath.Dir(dir) {
			m.folders[dir] = true
		}
	}
	return slices.SortedFunc(maps.Values(modules), func(a, b module) int { return strings.Compare(a.Path, b.Path) }), nil
}

var (
	licenceFile   = regexp.MustCompile(`(?i)^(licen[cs]e|copying|copyright|notice|patents)([-._].*)?$`)
	licenceFolder = regexp.MustCompile(`(?i)(^|_)licen[cs]es$`)
)

// licences writes the files of a module's folder that state terms, and those of the folders of its packages that the
// program contains. A folder that is named after licences is written whole.
func licences(text *bytes.Buffer, m module) error {
	found := false
	err := filepath.WalkDir(m.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if path == m.Dir || m.folders[path] || filepath.Dir(path) == m.Dir && licenceFolder.MatchString(d.Name()) {
				return nil
			}
			return filepath.SkipDir
		}
		whole := licenceFolder.MatchString(filepath.Base(filepath.Dir(path)))
		if !whole && (!licenceFile.MatchString(d.Name()) || strings.HasSuffix(path, ".go")) {
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		found = true
		name, err := filepath.Rel(m.Dir, path)
		if err != nil {
			return err
		}
		fmt.Fprintf(text, "\n---- %s\n\n%s\n", filepath.ToSlash(name), tidy(content))
		return nil
	})
	if err == nil && !found {
		err = fmt.Errorf("no licence in %s", m.Dir)
	}
	return err
}

// tidy drops what an editor would: carriage returns, blanks at ends of lines, and empty lines around the text.
func tidy(content []byte) string {
	lines := strings.Split(strings.ReplaceAll(string(content), "\r", ""), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " \t\f")
	}
	return strings.Trim(strings.Join(lines, "\n"), "\n")
}
