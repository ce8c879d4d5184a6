// Command notices writes NOTICE: the licences of everything that the binary bin/outcrop contains. It is called in the
// project's folder, by `make notices`.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
)

// module is a module with the folders of its packages that the binary contains.
type module struct {
	path, version, dir string
	packages           []string
}

func main() {
	if err := write("NOTICE"); err != nil {
		fmt.Fprintln(os.Stderr, "notices:", err)
		os.Exit(1)
	}
}

func write(path string) error {
	modules, err := contained()
	if err != nil {
		return err
	}
	var out bytes.Buffer
	out.WriteString("Outcrop's licence is in LICENSE. The binary also contains the works below, each under its own licence, which\n" +
		"whoever ships the binary must ship with it. `make notices` writes this file.\n\n" +
		"The texts Opticks and books, which are embedded, are in the public domain.\n")
	golang := module{path: "Go (its standard library and runtime)", dir: runtime.GOROOT()}
	for _, m := range append([]module{golang}, modules...) {
		texts, err := m.licences()
		if err != nil {
			return err
		}
		if len(texts) == 0 {
			return fmt.Errorf("%s has no licence file: add its licence here by hand", m.path)
		}
		fmt.Fprintf(&out, "\n%s\nmodule: %s\n", strings.Repeat("=", 80), strings.TrimSpace(m.path+" "+m.version))
		for _, text := range texts {
			fmt.Fprintf(&out, "%s\n%s\n", strings.Repeat("-", 80), strings.TrimSpace(text))
		}
	}
	return os.WriteFile(path, out.Bytes(), 0o644)
}

// contained lists the foreign modules of the packages that the binary contains, by path.
func contained() ([]module, error) {
	list := exec.Command("go", "list", "-deps", "-json=Dir,Module", "./cmd/outcrop")
	list.Stderr = os.Stderr
	text, err := list.Output()
	if err != nil {
		return nil, err
	}
	found := map[string]*module{}
	for d := json.NewDecoder(bytes.NewReader(text)); ; {
		var p struct {
			Dir    string
			Module *struct {
				Path, Version, Dir string
				Main               bool
			}
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		if p.Module == nil || p.Module.Main {
			continue
		}
		if found[p.Module.Path] == nil {
			found[p.Module.Path] = &module{path: p.Module.Path, version: p.Module.Version, dir: p.Module.Dir}
		}
		m := found[p.Module.Path]
		m.packages = append(m.packages, p.Dir)
	}
	var all []module
	for _, m := range found {
		all = append(all, *m)
	}
	slices.SortFunc(all, func(a, b module) int { return strings.Compare(a.path, b.path) })
	return all, nil
}

var licence = regexp.MustCompile(`(?i)^(licen[cs]es?|copying|copyright|notice|patents|ofl|ftl)([-._].*)?$`)

// licences returns the texts of the licence files in the folders of a module's packages and in the folders above them.
// Equal texts are returned once.
func (m module) licences() (texts []string, err error) {
	folders := map[string]bool{m.dir: true}
	for _, dir := range m.packages {
		for ; strings.HasPrefix(dir, m.dir); dir = filepath.Dir(dir) {
			folders[dir] = true
		}
	}
	var ordered []string
	for dir := range folders {
		ordered = append(ordered, dir)
	}
	slices.Sort(ordered)
	for _, dir := range ordered {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if !e.Type().IsRegular() || !licence.MatchString(e.Name()) || strings.HasSuffix(e.Name(), ".go") {
				continue
			}
			text, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				return nil, err
			}
			if clean := strings.ReplaceAll(string(text), "\r\n", "\n"); !slices.Contains(texts, clean) {
				texts = append(texts, clean)
			}
		}
	}
	return texts, nil
}
