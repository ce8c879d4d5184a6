package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// forged makes a shard and changes it by statements, as somebody who can write to its file does.
func forged(t *testing.T, statements ...string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "forged.db")
	must(t, sample(t, path).Close())
	db := connect(path, "mode=rw")
	db.sql.SetMaxOpenConns(1)
	for _, text := range append([]string{"PRAGMA foreign_keys = off", "PRAGMA writable_schema = on"}, statements...) {
		if _, err := db.sql.Exec(text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	must(t, db.Close())
	return path
}

// refused checks that no reader takes the file and that all give the reason, at once and without changing the file.
func refused(t *testing.T, name, path, want string, readers ...func(string) error) {
	t.Helper()
	for i, read := range readers {
		ended := make(chan error, 1)
		go func() { ended <- read(path) }()
		select {
		case err := <-ended:
			if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: reader %d gave %v, want %q", name, i, err, want)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%s: reader %d does not end", name, i)
		}
	}
}

func closing(db *DB, err error) error {
	if err == nil {
		_ = db.Close()
	}
	return err
}

// The ways to read a file: those that look at its schema, and those that take over what it holds.
var (
	opening = []func(string) error{
		func(path string) error { return closing(OpenReadOnly(path)) },
		func(path string) error { return closing(Open(path)) },
		func(path string) error { return closing(OpenExisting(path)) },
	}
	taking = []func(string) error{
		func(path string) error { _, err := Inspect(path); return err },
		func(path string) error { return Copy(context.Background(), path, path+".copy") },
		func(path string) error {
			db, err := Open(path + ".results")
			if err == nil {
				_, err = db.Merge(path)
				err = errors.Join(err, db.Close())
			}
			return err
		},
	}
)

const endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT i AS id, i AS hash FROM n"

// A file whose version, application or schema is not Outcrop's is refused before anything in it is read.
func TestForeignSchemasAreRefused(t *testing.T) {
	for _, c := range []struct {
		name, want string
		statements []string
	}{
		{"version -1", "schema version -1", []string{"PRAGMA user_version = -1"}},
		{"lowest version", "schema version -2147483648", []string{"PRAGMA user_version = -2147483648"}},
		{"version 0", "schema version 0", []string{"PRAGMA user_version = 0"}},
		{"an earlier version", `no table "claims"`, []string{"PRAGMA user_version = 3", "DROP TABLE leases",
			"DROP TABLE stops", "DROP TABLE events", "DROP TABLE shards"}},
		{"another application", "another program", []string{"PRAGMA application_id = 7"}},
		{"another application's version", "another program", []string{"PRAGMA application_id = 7",
			"PRAGMA user_version = 99"}},
		{"no tables", "it lacks ", []string{"DROP TABLE claims", "DROP TABLE shards"}},
		{"a trigger", `no trigger "t"`, []string{
			"CREATE TRIGGER t AFTER INSERT ON runs BEGIN DELETE FROM sweeps; END"}},
		{"a view for a table", `its view "stats"`, []string{"DROP TABLE disagreements", "DROP TABLE stats",
			"CREATE VIEW stats AS " + endless}},
		{"a view for the runs", `its view "runs"`, []string{"DROP TABLE runs", "CREATE VIEW runs AS " + endless}},
		{"a view of another case", `its view "Runs"`, []string{"DROP TABLE runs", "CREATE VIEW Runs AS " + endless}},
		{"another view", `its view "statistics"`, []string{"DROP VIEW statistics", "CREATE VIEW statistics AS " + endless}},
		{"a view of nothing of ours", `no view "mine"`, []string{"CREATE VIEW mine AS " + endless}},
		{"a virtual table", `its table "claims"`, []string{"DROP TABLE claims",
			"CREATE VIRTUAL TABLE claims USING rtree(id, a, b)"}},
		{"another table", `no table "songs"`, []string{"CREATE TABLE songs (run TEXT)"}},
		{"a table without its rules", `its table "sweeps"`, []string{"DROP TABLE sweeps",
			"CREATE TABLE sweeps (name TEXT, source TEXT)"}},
		{"a generated column", `its table "claims"`, []string{"DROP TABLE claims",
			"CREATE TABLE claims (sweep TEXT, name TEXT AS (sweep || 'x'))"}},
		{"another index", `no index "i"`, []string{"CREATE INDEX i ON stats (abs(value))"}},
		{"a lost index", "it lacks 1 of", []string{"DROP INDEX disagreements_key"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			refused(t, c.name, forged(t, c.statements...), c.want, append(opening, taking...)...)
		})
	}
	path := forged(t, "ANALYZE") // what a user's own tool leaves
	must(t, closing(OpenReadOnly(path)))
	must(t, second(open(t, path+".results").Merge(path)))
}

// Names that would become paths are refused by whoever takes rows from elsewhere, wherever they stand.
func TestForeignNamesAreRefused(t *testing.T) {
	id := idOf("r")
	bad := map[string][]string{
		"id": {"../../victim", "..", ".", "", "/etc", strings.ToUpper(strings.Repeat("ab", 32)), id[:63], id + "0",
			id[:61] + "/..", id[:63] + "\n", id + "\x00/../x", strings.Repeat("é", 32), strings.Repeat("0", 5000)},
		"name": {"../../victim", "..", ".", "", "/etc", "a/b", `a\b`, "a\x00b", "-rf", "a b", "a\n", "é", ".hidden",
			strings.Repeat("n", 101)},
		"arm": {"../../victim", "..", "", "/etc", "a/b", `a\b`, "a\x00b", "-rf", "a  b", "a ", " a", "a\n", "é", "a é",
			".hidden", strings.Repeat("n", 201)},
	}
	const idRule, nameRule = "a run's id is not 64 hex digits", "the name of a sweep is not at most 100 letters"
	for _, c := range []struct {
		values     []string
		what       string
		statements []string
	}{
		{bad["id"], idRule, []string{"UPDATE runs SET hash = ?"}},
		{bad["id"][:1], idRule, []string{"UPDATE members SET run = ?"}},
		{bad["id"][:1], idRule, []string{"UPDATE events SET run = ?"}},
		{bad["id"][:1], idRule, []string{"INSERT INTO leases VALUES (?, 'me', 'here', 1, 1, 2)"}},
		{bad["id"][:1], idRule, []string{"INSERT INTO stops VALUES (?, 1)"}},
		{bad["name"], nameRule, []string{"INSERT INTO sweeps VALUES (?, '')"}},
		{bad["arm"], "the name of an arm is not", []string{"UPDATE arms SET name = ?", "UPDATE members SET arm = ?"}},
		{bad["name"][:1], "the name of a claim's sweep is not", []string{"UPDATE claims SET sweep = ?"}},
	} {
		for _, value := range c.values {
			path := forged(t)
			db := connect(path, "mode=rw")
			_, err := db.sql.Exec("PRAGMA foreign_keys = off")
			must(t, err)
			for _, text := range c.statements {
				_, err = db.sql.Exec(text, value)
				must(t, err)
			}
			must(t, db.Close())
			name := fmt.Sprintf("%q with %.20q", c.statements, value)
			refused(t, name, path, c.what, taking[0], taking[2])
			found, err := open(t, path).Faults()
			if err != nil || !strings.Contains(strings.Join(found, "\n"), c.what) {
				t.Errorf("%s: the check finds %q, %v", name, found, err)
			}
		}
	}
}

// Only a regular file is opened: a named pipe would wait for its other end, and a device has none.
func TestOnlyRegularFilesAreDatabases(t *testing.T) {
	for _, beside := range append([]string{""}, besides...) {
		for what, make := range map[string]func(path string) error{
			"a named pipe": func(path string) error { return syscall.Mkfifo(path, 0o666) },
			"a folder":     func(path string) error { return os.Mkdir(path, 0o777) },
			"a device":     func(path string) error { return os.Symlink("/dev/zero", path) },
			"a link":       func(path string) error { return os.Symlink("victim", path) },
		} {
			if beside == "" && what == "a link" {
				continue // a database may be a link to a file
			}
			if beside != "" && what == "a device" {
				what = "a link" // which is not followed
			}
			path := filepath.Join(t.TempDir(), "a.db")
			if beside != "" {
				must(t, open(t, path).Close())
				_ = os.Remove(path + beside)
			}
			must(t, make(path+beside))
			refused(t, path+beside, path, "is "+what, append(opening, taking...)...)
		}
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "a.db")
	must(t, sample(t, path).Close())
	must(t, os.Symlink("a.db", filepath.Join(dir, "link.db")))
	must(t, closing(OpenReadOnly(filepath.Join(dir, "link.db"))))
}
