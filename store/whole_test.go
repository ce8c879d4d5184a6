package store

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// alone copies the database's file, without what lies beside it, and returns what the copy holds.
func alone(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	must(t, err)
	copied := filepath.Join(t.TempDir(), "alone.db")
	must(t, os.WriteFile(copied, content, 0o666))
	db, err := OpenReadOnly(copied)
	must(t, err)
	defer func() { _ = db.Close() }()
	return dump(t, db)
}

// After the last handle has closed, the file alone holds everything, whoever was last: the writer, a reader that was
// within a transaction when the writer closed, or one that comes after a writer that was killed.
func TestOneFileIsEnough(t *testing.T) {
	for _, last := range []string{"writer", "idle reader", "reading reader", "next reader"} {
		t.Run(last, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a.db")
			writer := sample(t, path)
			want := dump(t, writer)
			switch last {
			case "writer":
				must(t, writer.Close())
			case "idle reader":
				reader, err := OpenReadOnly(path)
				must(t, err)
				must(t, second4(reader.Runs()))
				must(t, writer.Close())
				if got := alone(t, path); got != want { // the reader may never close
					t.Errorf("with an idle reader the file holds\n%s\nwant\n%s", got, want)
				}
				must(t, reader.Close())
			case "reading reader":
				reader, err := OpenReadOnly(path)
				must(t, err)
				must(t, reader.AtOnce(func(db *DB) error {
					if _, err := db.Runs(); err != nil {
						return err
					}
					must(t, writer.PutRows(idOf("r"), 2, stepRows(2)))
					want = dump(t, writer)
					return writer.Close()
				}))
				must(t, reader.Close())
			case "next reader":
				killed := filepath.Join(t.TempDir(), "killed.db") // as a kill leaves it: the rows are in the log
				for _, suffix := range []string{"", "-wal"} {
					content, err := os.ReadFile(path + suffix)
					must(t, err)
					must(t, os.WriteFile(killed+suffix, content, 0o666))
				}
				must(t, writer.Close())
				path = killed
				must(t, closing(OpenReadOnly(path)))
			}
			if got := alone(t, path); got != want {
				t.Errorf("the file holds\n%s\nwant\n%s", got, want)
			}
			if left, err := filepath.Glob(path + "-*"); err != nil || len(left) > 0 {
				t.Errorf("left beside it: %v, %v", left, err)
			}
		})
	}
}

func second4(_ []Run, err error) error { return err }

// Settle folds in what a killed writer left, leaves alone what another handle has open, and follows nothing odd.
func TestSettle(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	writer := sample(t, path)
	Settle(path)
	if _, err := os.Stat(path + "-wal"); err != nil {
		t.Error("the log of a writer at work is gone")
	}
	must(t, writer.PutRows(idOf("r"), 3, stepRows(3)))
	must(t, writer.Sync())
	must(t, writer.Close())
	must(t, os.WriteFile(path+"-wal", []byte(strings.Repeat("no log ", 100)), 0o666))
	Settle(path)
	must(t, open(t, path).Check())
	Settle(filepath.Join(t.TempDir(), "none.db"))
}
