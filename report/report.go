// Package report writes one self-contained HTML page per sweep: what was asked, the figures, the fits and where the
// numbers come from. A page written twice from one database has the same bytes: it holds no clock values.
package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"os"
	"path/filepath"

	"github.com/outcrop-lab/outcrop/atomicfile"
	"github.com/outcrop-lab/outcrop/store"
)

//go:embed report.html
var source string

var page = template.Must(template.New("report").Funcs(template.FuncMap{"commit": commit}).Parse(source))

// Write makes the page of a sweep at path by rename, and the folders above it. The sweep must be in the database; runs
// that are not done yet, and figures for which no rows are there yet, are named as missing.
func Write(db *store.DB, sweep, path string) error {
	c, err := read(db, sweep)
	if err != nil {
		return fmt.Errorf("report: reading sweep %s: %w", sweep, err)
	}
	var out bytes.Buffer
	if err := page.Execute(&out, c); err != nil {
		return fmt.Errorf("report: writing %s: %w", path, err)
	}
	if err = os.MkdirAll(filepath.Dir(path), 0o755); err == nil {
		err = atomicfile.Write(path, out.Bytes())
	}
	if err != nil {
		return fmt.Errorf("report: writing %s: %w", path, err)
	}
	return nil
}
