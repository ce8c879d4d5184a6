package sweep

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// stored is what stands around a sweep's text: what decides its runs besides the text itself.
type stored struct {
	here  string            // the folder in which paths of sets start; "" if it is not known
	sets  []string          // the KEY=VALUE of the command line
	files map[string][]byte // the texts of the files that it extends, by origin.name; nil to read them from the disk
}

// The sweep's text in the database ends with comment lines: for each file that the sweep extends, a line that names it
// and the file's lines behind a mark, then a line for each --set. Outcrop once kept only the folder of these files.
const (
	fileMark   = "# extends "
	lineMark   = "#| "
	setMark    = "# --set "
	folderMark = "# in "
)

// marked returns a sweep's text followed by what LoadStored needs besides it.
func marked(source string, d *decoder, around stored) string {
	var b strings.Builder
	b.WriteString(source)
	line := func(mark, text string) {
		if at := b.String(); at != "" && at[len(at)-1] != '\n' {
			b.WriteByte('\n')
		}
		b.WriteString(mark + text + "\n")
	}
	files := d.read
	for _, name := range slices.Sorted(maps.Keys(around.files)) {
		files = append(files, extended{name, around.files[name]})
	}
	slices.SortFunc(files, func(a, b extended) int { return strings.Compare(a.name, b.name) })
	for _, file := range files {
		line(fileMark, file.name)
		for text := range strings.Lines(string(file.text)) {
			line(lineMark, strings.TrimSuffix(text, "\n"))
		}
	}
	for _, set := range around.sets {
		line(setMark, set)
	}
	return b.String()
}

// LoadStored decodes a sweep from its text in the database. The text does not say where relative paths start, so those
// of its runs have no place yet.
func LoadStored(name, source string) (*Sweep, error) {
	from, around := origin{file: name + ".yaml", name: name + ".yaml"}, stored{}
	var lines []string // of an extended file, the last first
	for rest := source; ; {
		text := strings.TrimSuffix(rest, "\n")
		at := strings.LastIndexByte(text, '\n') + 1
		last := text[at:]
		if set, ok := strings.CutPrefix(last, setMark); ok && lines == nil {
			around.sets = append([]string{set}, around.sets...)
		} else if line, ok := strings.CutPrefix(last+" ", lineMark); ok {
			lines = append(lines, strings.TrimSuffix(line, " "))
			rest = text[:at]
			continue
		} else if file, ok := strings.CutPrefix(last, fileMark); ok {
			if around.files == nil {
				around.files = map[string][]byte{}
			}
			slices.Reverse(lines)
			around.files[file] = []byte(strings.Join(lines, "\n") + "\n")
			lines = nil
		} else if folder, ok := strings.CutPrefix(last, folderMark); ok && lines == nil {
			from.file = filepath.Join(folder, from.file)
			return decoded(from, []byte(text[:at]), around)
		} else {
			return decoded(from, []byte(source), around)
		}
		rest = text[:at]
		source = rest
	}
}
