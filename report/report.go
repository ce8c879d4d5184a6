// Package report writes one self-contained HTML page for each sweep: the question, the figures, the fits and the origin
// of the numbers. A page that is written twice from one database has the same bytes, because it holds no times of day.
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

// Write writes the page of a sweep to path by rename, and creates the folders above it. The sweep must be in the
// database. The page names runs that are not done yet, and figures that have no rows yet, as missing.
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
