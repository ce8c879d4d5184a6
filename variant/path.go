package variant

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
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

	ships string // the names of what ships with the program, with blanks between; Written may be one of them
}

// PathOr returns an empty path that may also be set to one of the given names, which stand for what ships with the
// program. Such a name names no file: ./NAME names the file.
func PathOr(names ...string) Path { return Path{ships: strings.Join(names, " ")} }

// Ships reports whether the path is a name of something that ships with the program.
func (p Path) Ships() bool { return slices.Contains(p.Names(), p.Written) }

// Names lists the names of what ships with the program to which the path may be set.
func (p Path) Names() []string { return strings.Fields(p.ships) }

// PathIn returns the path that a file in the given folder holds: see In.
func PathIn(folder, written string) (Path, error) { return Path{}.In(folder, written) }

// In returns p set to a path that a file in the given folder holds: a relative path is relative to that folder, and a
// leading `~/` is the user's home. A name of something that ships stays as it is. folder is absolute.
func (p Path) In(folder, written string) (Path, error) {
	p.Written, p.At = written, ""
	if written == "" || p.Ships() {
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
	return p.Written != "" && !p.Ships() && !filepath.IsAbs(p.Written) && !strings.HasPrefix(p.Written, "~/")
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
