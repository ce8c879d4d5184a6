// Package configs holds the sweeps and presets that are embedded in the program.
package configs

import (
	"embed"
	"path"
	"slices"
	"strings"
)

// FS holds the files sweeps/*.yaml and presets/*.yaml.
//
//go:embed sweeps/*.yaml presets/*.yaml
var FS embed.FS

// Sweep returns the source of the embedded sweep called name, and whether that sweep exists. The name of a sweep is its
// file name without ".yaml".
func Sweep(name string) ([]byte, bool) {
	if !slices.Contains(Sweeps(), name) {
		return nil, false
	}
	src, err := FS.ReadFile(path.Join("sweeps", name+".yaml"))
	return src, err == nil
}

// Preset returns the source of the embedded preset called name, and whether that preset exists. The name of a preset is
// its file name without ".yaml".
func Preset(name string) ([]byte, bool) {
	if !slices.Contains(Presets(), name) {
		return nil, false
	}
	src, err := FS.ReadFile(path.Join("presets", name+".yaml"))
	return src, err == nil
}

// Sweeps returns the names of the embedded sweeps in sorted order.
func Sweeps() []string { return names("sweeps") }

// Presets returns the names of the embedded presets in sorted order.
func Presets() []string { return names("presets") }

// names returns the names of the YAML files in dir without ".yaml", sorted.
func names(dir string) []string {
	entries, err := FS.ReadDir(dir)
	if err != nil {
		return nil
	}
	var out []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".yaml"); ok {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}
