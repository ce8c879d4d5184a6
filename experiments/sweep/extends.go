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
	file string
	via  string   // ", extended by s.yaml:2:10, …": the places that lead here, the nearest first
	path []string // the files from the sweep to the one that extends this
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
		file, src, err := d.read(name.Value)
		if err != nil {
			d.fault(name, "extends", "%v", err)
			continue
		}
		if path := append(slices.Clone(d.path), d.file); slices.Contains(path, file) {
			d.fault(name, "extends", "extends itself: %s", strings.Join(append(path, file), " extends "))
			continue
		}
		outer, prefix := d.origin, d.prefix
		d.origin = origin{file: file, path: append(slices.Clone(outer.path), outer.file),
			via: fmt.Sprintf(", extended by %s:%d:%d%s", outer.file, name.Line, name.Column, outer.via)}
		root, err := parse(file, src)
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

// read returns the text of a preset or a file, and its name in messages.
func (d *decoder) read(name string) (file string, src []byte, err error) {
	if strings.HasSuffix(name, ".yaml") {
		if file = name; !filepath.IsAbs(file) {
			file, d.beside = filepath.Join(filepath.Dir(d.file), file), true
		}
		src, err = os.ReadFile(file)
		if at := new(os.PathError); errors.As(err, &at) {
			err = fmt.Errorf("reading %s: %w", file, at.Err)
		}
		return file, src, err
	}
	src, ok := configs.Preset(name)
	if !ok {
		return "", nil, fmt.Errorf("%w; a file's path ends in .yaml", variant.Unknown("preset", name, configs.Presets()))
	}
	return "presets/" + name + ".yaml", src, nil
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
