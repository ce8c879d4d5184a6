package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mattn/go-sqlite3"
)

func TestReadOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	if _, err := OpenReadOnly(path); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("a missing file gave %v", err)
	}
	writer := open(t, path)
	must(t, writer.PutRun(run("r")))
	reader, err := OpenReadOnly(path)
	must(t, err)
	must(t, writer.PutRun(run("s")))
	runs, err := reader.Runs()
	must(t, err)
	if len(runs) != 2 {
		t.Errorf("the reader sees %d runs", len(runs))
	}
	err = reader.PutRun(run("q"))
	if !hasCode(err, sqlite3.ErrReadonly) || !strings.Contains(err.Error(), path) ||
		!strings.Contains(err.Error(), "read-only") {
		t.Errorf("writing gave %v", err)
	}
	must(t, reader.Close())
}

func TestFullDiskKeepsWhatWasCommitted(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.db")
	db := open(t, path)
	must(t, db.PutRun(run("r")))
	must(t, db.PutRows(idOf("r"), 0, []Row{row("top1", 0, 1)}))
	var pages int
	must(t, db.sql.QueryRow("PRAGMA page_count").Scan(&pages))
	must(t, db.sql.QueryRow("PRAGMA max_page_count = 1").Scan(&pages)) // SQLite sets the present size
	many := make([]Row, 5000)
	for i := range many {
		many[i] = row("top1", i, float64(i))
	}
	big := open(t, filepath.Join(dir, "big.db"))
	must(t, big.PutRun(run("r")))
	must(t, big.PutRows(idOf("r"), 1, many))
	_, merging := db.Merge(filepath.Join(dir, "big.db"))
	for _, err := range []error{db.PutRows(idOf("r"), 1, many), merging} {
		if !hasCode(err, sqlite3.ErrFull) || !strings.Contains(err.Error(), "full") ||
			!strings.Contains(err.Error(), path+":") {
			t.Errorf("a full disk gave %v", err)
		}
	}
	series, err := db.Series(Select{})
	must(t, err)
	if len(series) != 1 || !slices.Equal(series[0].Steps, []int{0}) {
		t.Errorf("half a transaction stayed: %+v", series)
	}
	must(t, db.Check())
}

func TestFoldersThatCannotHoldADatabase(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	must(t, os.WriteFile(file, nil, 0o644))
	for _, path := range []string{filepath.Join(dir, "none", "a.db"), filepath.Join(file, "a.db"), dir} {
		_, err := Open(path)
		if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "folder") {
			t.Errorf("opening %s gave %v", path, err)
		}
	}
}

func TestDamagedFiles(t *testing.T) {
	dir := t.TempDir()
	whole := filepath.Join(dir, "whole.db")
	db := open(t, whole)
	must(t, db.PutRun(run("r")))
	many := make([]Row, 3000)
	for i := range many {
		many[i] = row("top1", i, float64(i))
	}
	must(t, db.PutRows(idOf("r"), 1, many))
	must(t, db.Close())
	sound, err := os.ReadFile(whole)
	must(t, err)
	scratched := slices.Clone(sound)
	for i := 4096; i < len(scratched); i++ {
		scratched[i] = 0xAA
	}
	results := open(t, filepath.Join(dir, "results.db"))
	for name, content := range map[string][]byte{
		"garbage":   []byte(strings.Repeat("not a database ", 1000)),
		"short":     []byte("xy"), // SQLite takes a file of one byte for an empty one
		"truncated": sound[:len(sound)/2+100],
		"header":    sound[:50],
		"scratched": scratched,
	} {
		path := filepath.Join(dir, name+".db")
		must(t, os.WriteFile(path, content, 0o644))
		if _, err := results.Merge(path); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), path) {
			t.Errorf("merging %s gave %v", name, err)
		}
		for _, openIt := range []func(string) (*DB, error){OpenReadOnly, Open} {
			if _, err := openIt(path); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), path) {
				t.Errorf("opening %s gave %v", name, err)
			}
		}
		if now, err := os.ReadFile(path); err != nil || !slices.Equal(now, content) {
			t.Errorf("%s was changed (%v)", name, err)
		}
	}
	empty := filepath.Join(dir, "empty.db")
	must(t, os.WriteFile(empty, nil, 0o644))
	if _, err := OpenReadOnly(empty); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "empty") {
		t.Errorf("opening an empty file for reading gave %v", err)
	}
	runs, err := results.Runs()
	must(t, err)
	if len(runs) != 0 {
		t.Errorf("damaged shards brought %d runs", len(runs))
	}
	must(t, results.Check())
}

func TestCheckFindsDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	db := open(t, path)
	must(t, db.PutRun(run("r")))
	must(t, db.PutRows(idOf("r"), 1, []Row{row("top1", 0, 1)}))
	var page int64
	must(t, db.sql.QueryRow("SELECT rootpage FROM sqlite_schema WHERE name = 'stats'").Scan(&page))
	must(t, db.Close())
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	must(t, err)
	_, err = f.WriteAt([]byte(strings.Repeat("\xff", 4096)), (page-1)*4096) // pages count from 1 and have 4,096 bytes
	must(t, err)
	must(t, f.Close())
	if err := open(t, path).Check(); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), path) {
		t.Errorf("checking gave %v", err)
	}
}
