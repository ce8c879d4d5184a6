// Package report writes one self-contained HTML page for each sweep: the question, the figures, the fits and the origin
// of the numbers. If a page is written twice from the same database, both copies have the same bytes, because the page
// does not contain the time at which it was written.
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

// Write writes the page of a sweep to path atomically, by rename. It creates the folders above path if needed. It
// returns an error if the database does not have the sweep. The page lists as missing the runs that are not done yet
// and the figures that have no rows yet.
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
