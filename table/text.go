package table

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"github.com/outcrop-lab/outcrop/count"
)

// Text is a table as it is written: its names and its cells, without blanks around them.
type Text struct {
	Name   string   // of the file, for messages
	Header []string // a column without a name is ""
	Rows   []Row
	// Remarks says what was read otherwise than it stands there.
	Remarks []string

	comma rune // between cells
}

// Row is one line of a table. It has as many cells as the header.
type Row struct {
	Cells []string
	Line  int // counted from 1, where the row begins
	at    []int
}

// Place returns where a cell stands, as file:line:column.
func (t Text) Place(r Row, column int) string {
	if column >= len(r.at) {
		return fmt.Sprintf("%s:%d", t.Name, r.Line)
	}
	return fmt.Sprintf("%s:%d:%d", t.Name, r.Line, r.at[column])
}

// ErrNoHeader means that the first line of a table holds numbers, not names.
var ErrNoHeader = errors.New("the first line holds numbers, not the names of the columns")

// maxSize is the size in bytes up to which a table is read.
const maxSize = 1 << 28

// ReadText reads a table in any of the forms that Parse states. name names the file in messages. If named is false, the
// first line holds cells already, and the columns have no names.
func ReadText(name string, from io.Reader, named bool) (Text, error) {
	content, err := io.ReadAll(io.LimitReader(from, maxSize+1))
	if err != nil {
		return Text{}, fmt.Errorf("table: reading %s: %w", name, err)
	}
	if len(content) > maxSize {
		return Text{}, fmt.Errorf("%s: holds more than %d MB, too much for one table", name, maxSize>>20)
	}
	t := Text{Name: name}
	content, err = t.decode(content)
	if err != nil {
		return Text{}, err
	}
	t.comma, content = separator(content)
	if err := t.split(content); err != nil {
		return Text{}, err
	}
	if err := t.takeHeader(content, named); err != nil {
		return Text{}, err
	}
	return t, t.level(content)
}

// signatures are the first bytes of files that people take for tables.
var signatures = map[string]string{"PK\x03\x04": "a workbook or a zip archive", "\x1f\x8b": "compressed by gzip",
	"PAR1": "Parquet", "SQLite format 3\x00": "an SQLite database", "\x28\xb5\x2f\xfd": "compressed by zstd",
	"{\"": "JSON", "[{": "JSON", "[[": "JSON", "<!": "HTML or XML", "<html": "HTML", "<?xml": "XML"}

// decode returns the content in UTF-8 with a line feed at the end of each line. It reads UTF-8 and UTF-16 by their byte
// order marks, and as Windows-1252 what is not UTF-8.
func (t *Text) decode(content []byte) ([]byte, error) {
	for signature, what := range signatures {
		if bytes.HasPrefix(content, []byte(signature)) {
			return nil, fmt.Errorf("%s: is %s, not a table: save it as CSV", t.Name, what)
		}
	}
	content, _, err := transform.Bytes(unicode.BOMOverride(transform.Nop), content)
	if err != nil {
		return nil, fmt.Errorf("table: decoding %s: %w", t.Name, err)
	}
	if i := bytes.IndexByte(content, 0); i >= 0 {
		return nil, fmt.Errorf("%s:%d: holds a zero byte: it is not text, or UTF-16 without a byte order mark: save the "+
			"table as UTF-8", t.Name, 1+bytes.Count(content[:i], []byte("\n")))
	}
	if !utf8.Valid(content) {
		if content, err = charmap.Windows1252.NewDecoder().Bytes(content); err != nil {
			return nil, fmt.Errorf("table: decoding %s: %w", t.Name, err)
		}
		t.Remarks = append(t.Remarks, "not UTF-8: read as Windows-1252")
	}
	content = bytes.ReplaceAll(content, []byte("\r\n"), []byte("\n"))
	return bytes.ReplaceAll(content, []byte("\r"), []byte("\n")), nil
}

// separators are what can stand between cells. If two explain a table equally well, the first is taken. Any number of
// blanks separates two cells.
var separators = []rune{'\t', ';', ',', '|', ' '}

// separator returns what separates the cells: what a first line "sep=;" names, else the separator by which most of the
// first lines have as many cells as the first of them, at least two, or one more, as R writes them. It returns a comma
// if none does for half of the lines. It returns the content with an empty line in place of a line "sep=;".
func separator(content []byte) (rune, []byte) {
	if line, rest, _ := bytes.Cut(content, []byte("\n")); bytes.HasPrefix(line, []byte("sep=")) {
		if named := []rune(string(line[len("sep="):])); len(named) == 1 && slices.Contains(separators, named[0]) {
			return named[0], append([]byte("\n"), rest...)
		}
	}
	const sample = 50
	best, most := ',', 0
	for _, comma := range separators {
		agree, lines, width := 0, 0, 0
		for r := reader(content, comma); lines < sample; lines++ {
			cells, err := r.Read()
			if err != nil {
				break
			}
			if lines == 0 {
				width = filled(cells)
			}
			n := filled(cells)
			if n <= width && len(cells) >= width || n == width+1 && comma != ',' {
				agree++
			}
		}
		if width >= 2 && agree > most && 2*agree > lines {
			best, most = comma, agree
		}
	}
	return best, content
}

// filled returns the number of cells up to the last one that is not empty.
func filled(cells []string) int {
	n := len(cells)
	for n > 0 && strings.TrimSpace(cells[n-1]) == "" {
		n--
	}
	return n
}

// reader returns a reader that skips empty lines and those that begin with #.
func reader(content []byte, comma rune) *csv.Reader {
	r := csv.NewReader(bytes.NewReader(content))
	r.Comma, r.Comment, r.FieldsPerRecord = comma, '#', -1
	r.TrimLeadingSpace = comma != '\t' // an empty cell between tabs would be trimmed away
	return r
}

// split reads all lines as rows, without those whose cells are all empty.
func (t *Text) split(content []byte) error {
	r := reader(content, t.comma)
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return t.malformed(err)
		}
		if filled(cells) == 0 {
			continue
		}
		row := Row{Cells: cells, at: make([]int, len(cells))}
		row.Line, _ = r.FieldPos(0)
		for i := range cells {
			_, row.at[i] = r.FieldPos(i)
			row.Cells[i] = strings.TrimSpace(cells[i])
		}
		t.Rows = append(t.Rows, row)
	}
}

func (t *Text) malformed(err error) error {
	var at *csv.ParseError
	if !errors.As(err, &at) {
		return fmt.Errorf("table: reading %s: %w", t.Name, err)
	}
	return fmt.Errorf("%s:%d:%d: %w: a cell that holds a quotation mark stands in quotation marks, and the mark in it is "+
		"doubled", t.Name, at.Line, at.Column, at.Err)
}

// takeHeader takes the names from the first row. If that holds numbers, it takes them from the last comment before it,
// as numpy.savetxt writes them, if that has as many.
func (t *Text) takeHeader(content []byte, named bool) error {
	if len(t.Rows) == 0 || filled(t.Rows[0].Cells) < 2 {
		return fmt.Errorf("%s: wants a header, a column of steps and at least one series, separated by commas, semicolons, "+
			"tabs, bars or blanks", t.Name)
	}
	first := t.Rows[0]
	switch names := commented(content, t.comma, first.Line); {
	case !named:
		t.Header = make([]string, len(first.Cells))
	case t.names(first):
		t.Header, t.Rows = first.Cells, t.Rows[1:]
		if t.comma != ',' && !slices.ContainsFunc(t.Rows, func(r Row) bool { return filled(r.Cells) != len(t.Header)+1 }) {
			t.Header = append([]string{""}, t.Header...) // R names the rows, but not their column
		}
	case len(names) == len(first.Cells):
		t.Header = names
	default:
		return fmt.Errorf("%s:%d: %w", t.Name, first.Line, ErrNoHeader)
	}
	return nil
}

// names reports whether the first row holds names: no numbers, or text above a number. A row that lacks its first cell
// is the header that pandas writes above an index.
func (t *Text) names(first Row) bool {
	if !slices.ContainsFunc(first.Cells, isNumber) || first.Cells[0] == "" {
		return true
	}
	for i, cell := range first.Cells {
		text := !missing(cell) && !isNumber(cell)
		if text && len(t.Rows) > 1 && i < len(t.Rows[1].Cells) && isNumber(t.Rows[1].Cells[i]) {
			return true
		}
	}
	return false
}

// commented returns the cells of the last comment before a line.
func commented(content []byte, comma rune, before int) []string {
	last := ""
	lines := bufio.NewScanner(bytes.NewReader(content))
	for n := 1; n < before && lines.Scan(); n++ {
		if line := lines.Text(); strings.HasPrefix(line, "#") {
			last = strings.TrimSpace(strings.TrimLeft(line, "#"))
		}
	}
	cells, err := reader([]byte(last), comma).Read()
	if err != nil {
		return nil
	}
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	return cells
}

// level gives every row as many cells as the header. A row that is too short lacks its last cells: they are missing. If
// it is the last one and does not end in a line feed, its writer was cut off in the middle of a cell, and the row is
// left out. A row with more cells than names is an error.
func (t *Text) level(content []byte) error {
	width, short, where := len(t.Header), 0, 0
	if n := len(t.Rows); n > 0 && len(t.Rows[n-1].Cells) < width && !bytes.HasSuffix(content, []byte("\n")) {
		t.Remarks = append(t.Remarks, fmt.Sprintf("the last line, %d, is cut off: left out", t.Rows[n-1].Line))
		t.Rows = t.Rows[:n-1]
	}
	for i := range t.Rows {
		r := &t.Rows[i]
		if n := filled(r.Cells); n > width {
			return fmt.Errorf("%s: line %d has %s, but the header has %s: a cell that holds the separator stands "+
				"in quotation marks", t.Place(*r, width), r.Line, count.Of(n, "cell"), count.Of(width, "name"))
		}
		if len(r.Cells) < width {
			if short == 0 {
				where = r.Line
			}
			short++
			r.Cells = append(r.Cells, make([]string, width-len(r.Cells))...)
		}
		r.Cells = r.Cells[:width]
	}
	if short > 0 {
		t.Remarks = append(t.Remarks, fmt.Sprintf("%d of %s %s last cells, first line %d: read as missing",
			short, count.Of(len(t.Rows), "row"), count.Agree(short, "lacks its", "lack their"), where))
	}
	return nil
}
