package sweep

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/outcrop-lab/outcrop/configs"
	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/settings/document"
	"github.com/outcrop-lab/outcrop/trainer"
	"github.com/outcrop-lab/outcrop/variant"
)

// origin is the file that a decoder reads, with the files that extend it.
type origin struct {
	file string // its path as messages say it
	name string // its path relative to the sweep's folder, or absolute if it is written so
	// folder is absolute: relative paths in the file start there. It is "" if no folder is known.
	folder   string
	embedded bool     // the file is part of outcrop
	via      string   // ", extended by s.yaml:2:10, …": the places that lead here, the nearest first
	path     []string // the files from the sweep to the one that extends this
}

// extended is a file that a sweep extends: its origin.name, and its text.
type extended struct {
	name string
	text []byte
}

// onDisk returns the origin of a sweep file.
func onDisk(file string) origin {
	return origin{file: file, name: filepath.Base(file), folder: folderOf(file)}
}

// folderOf returns the absolute path of a file's folder; "" if the current folder, to which file is relative, is gone.
func folderOf(file string) string {
	folder, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return ""
	}
	return folder
}

// extend merges onto c, in order, what `extends` lists: presets by name, and files by a path that ends in .yaml and is
// relative to the file that lists it. A preset is a map like base, and may extend others.
func (d *decoder) extend(n *yaml.Node, c *trainer.Config) {
	names := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		names = n.Content
	}
	for _, name := range names {
		if name.Kind != yaml.ScalarNode || document.Tag(name) != "!!str" {
			d.fault(name, "extends", "wants the name of a preset, the path of a .yaml file, or a list of these, got %s",
				document.Describe(name))
			continue
		}
		next, src, err := d.open(name.Value)
		if err != nil {
			d.fault(name, "extends", "%v", err)
			continue
		}
		if path := append(slices.Clone(d.path), d.file); slices.Contains(path, next.file) {
			d.fault(name, "extends", "extends itself: %s", strings.Join(append(path, next.file), " extends "))
			continue
		}
		outer, prefix := d.origin, d.prefix
		next.path = append(slices.Clone(outer.path), outer.file)
		next.via = fmt.Sprintf(", extended by %s:%d:%d%s", outer.file, name.Line, name.Column, outer.via)
		d.origin = next
		root, err := parse(next.file, src)
		if at := new(settings.InputError); errors.As(err, &at) {
			for _, f := range at.Faults {
				f.Extended = d.via
				d.faults = append(d.faults, f)
			}
		} else {
			d.onto(c, "", root)
		}
		d.origin, d.prefix = outer, prefix
	}
}

// open returns the text of a preset or a file, and its origin, without the files that extend it.
func (d *decoder) open(name string) (o origin, src []byte, err error) {
	if !strings.HasSuffix(name, ".yaml") {
		src, ok := configs.Preset(name)
		if !ok {
			return o, nil, fmt.Errorf("%w; a file's path ends in .yaml", variant.Unknown("preset", name, configs.Presets()))
		}
		return origin{file: "presets/" + name + ".yaml", embedded: true}, src, nil
	}
	at, err := variant.PathIn(filepath.Dir(d.file), name)
	if err != nil {
		return o, nil, err
	}
	if o = (origin{file: at.At, name: name}); at.IsRelative() {
		o.name = filepath.Join(filepath.Dir(d.name), name)
	}
	if src, kept := d.kept[o.name]; kept {
		return o, src, nil
	}
	o.folder = folderOf(o.file)
	src, err = os.ReadFile(o.file)
	if at := new(os.PathError); errors.As(err, &at) {
		err = fmt.Errorf("reading %s: %w", o.file, at.Err)
	}
	if !slices.ContainsFunc(d.read, func(e extended) bool { return e.name == o.name }) {
		d.read = append(d.read, extended{o.name, src})
	}
	return o, src, err
}

// without returns a copy of a map that lacks one key.
func without(n *yaml.Node, key string) *yaml.Node {
	rest := *n
	rest.Content = nil
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value != key {
			rest.Content = append(rest.Content, n.Content[i], n.Content[i+1])
		}
	}
	return &rest
}
