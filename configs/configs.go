// Package configs holds the sweeps and presets that are part of the program.
package configs

import (
	"embed"
	"path"
	"slices"
	"strings"
)

// FS holds sweeps/*.yaml and presets/*.yaml.
//
//go:embed sweeps/*.yaml presets/*.yaml
var FS embed.FS

// Sweep returns the source of an embedded sweep and reports whether there is one. Its name is its file's without
// ".yaml".
func Sweep(name string) ([]byte, bool) {
	if !slices.Contains(Sweeps(), name) {
		return nil, false
	}
	src, err := FS.ReadFile(path.Join("sweeps", name+".yaml"))
	return src, err == nil
}

// Preset returns the source of an embedded preset and reports whether there is one.
func Preset(name string) ([]byte, bool) {
	if !slices.Contains(Presets(), name) {
		return nil, false
	}
	src, err := FS.ReadFile(path.Join("presets", name+".yaml"))
	return src, err == nil
}

// Sweeps returns the names of the embedded sweeps, sorted.
func Sweeps() []string { return names("sweeps") }

// Presets returns the names of the embedded presets, sorted.
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
