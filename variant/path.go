package variant

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
)

// Path is a parameter that names a file, or several by a glob. A digest of the files' content stands for them, so no
// path belongs to a run's identity. Its zero value names no file.
type Path struct {
	// Written is the path as the user wrote it. A database keeps this text.
	Written string
	// At is the absolute path or glob at which the files lie on this machine. If it is "", Written is opened as it is,
	// relative to the current folder.
	At string
}

// PathIn returns the path that a file in the given folder holds: a relative path is relative to that folder, and a
// leading `~/` is the user's home. folder is absolute.
func PathIn(folder, written string) (Path, error) {
	p := Path{Written: written}
	if written == "" {
		return p, nil
	}
	below, ofHome := strings.CutPrefix(written, "~/")
	if ofHome {
		home, err := os.UserHomeDir()
		if err != nil {
			return p, fmt.Errorf("the home folder of %s is not known: %w", written, err)
		}
		folder = home
	} else if filepath.IsAbs(written) {
		folder = ""
	}
	p.At = filepath.Join(folder, below)
	if _, err := os.Stat(p.At); err != nil && strings.ContainsAny(below, `*?[\`) {
		p.At = filepath.Join(literal.Replace(folder), below) // only below is a glob
	}
	return p, nil
}

// literal escapes what a glob would read as a pattern.
var literal = strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`)

// IsRelative reports whether the path means another file in another folder.
func (p Path) IsRelative() bool {
	return p.Written != "" && !filepath.IsAbs(p.Written) && !strings.HasPrefix(p.Written, "~/")
}

// Place returns the path to open; "" if p names no file.
func (p Path) Place() string {
	if p.At != "" {
		return p.At
	}
	return p.Written
}

// String returns the path as it is written.
func (p Path) String() string { return p.Written }

// MarshalText implements encoding.TextMarshaler: a path is written as the user wrote it.
func (p Path) MarshalText() ([]byte, error) { return []byte(p.Written), nil }

// IsPathType reports whether t is Path.
func IsPathType(t reflect.Type) bool { return t == reflect.TypeFor[Path]() }
