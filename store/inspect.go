package store

import (
	"context"
	"database/sql"

	"github.com/mattn/go-sqlite3"
)

// Inspect reads a whole database without changing it and returns the ids of its runs. The database may have any schema
// version up to the current version. An empty database has no runs. Inspect returns ErrMissing if the file is missing,
// and ErrCorrupt if the database is damaged, belongs to another program, has tables that outcrop did not make, or names
// a run or a sweep that may not be a folder's name.
func Inspect(path string) (runs []string, err error) {
	db, v, err := connectReading(path)
	if err != nil {
		return nil, fault("reading", path, err)
	}
	defer func() { _ = db.sql.Close() }()
	if v == blank {
		return nil, nil
	}
	if err := db.Check(); err != nil {
		return nil, err
	}
	if err := sound(db.sql, "main", v); err != nil {
		return nil, fault("reading", path, err)
	}
	err = db.read("reading runs", "SELECT hash FROM runs ORDER BY hash", nil, func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		runs = append(runs, id)
		return err
	})
	return runs, err
}

// RunsIn lists the runs of a database of any schema version up to the current version. An empty database has none.
func RunsIn(path string) ([]Run, error) {
	db, v, err := connectReading(path)
	if err != nil {
		return nil, fault("reading", path, err)
	}
	defer func() { _ = db.sql.Close() }()
	if v == blank {
		return nil, nil
	}
	return db.Runs()
}

// SweepsIn lists the sweeps of a database of any schema version up to the current version, and their members. An empty
// database has none.
func SweepsIn(path string) (sweeps []Sweep, members map[string][]Member, err error) {
	db, v, err := connectReading(path)
	if err != nil {
		return nil, nil, fault("reading", path, err)
	}
	defer func() { _ = db.sql.Close() }()
	if v == blank {
		return nil, nil, nil
	}
	if sweeps, err = db.Sweeps(); err != nil {
		return nil, nil, err
	}
	members = map[string][]Member{}
	for _, s := range sweeps {
		if _, members[s.Name], err = db.Sweep(s.Name); err != nil {
			return nil, nil, err
		}
	}
	return sweeps, members, nil
}

// Copy copies the database file at the first path to the second path, where no file may exist yet. It copies the state
// at the start, even while other processes write to the database. The database may have any schema version up to the
// current version. If Copy fails, it may leave an incomplete file at the second path.
func Copy(ctx context.Context, from, to string) error {
	db, _, err := connectReading(from)
	if err != nil {
		return fault("copying", from, err)
	}
	defer func() { _ = db.sql.Close() }()
	return fault("copying into "+to, from, db.copyInto(ctx, to))
}

// The modes in which to read a database: beside its writers and, if its folder is not writable, as an unchanging file.
var readModes = []string{"mode=ro", "mode=ro&immutable=1"}

// connectReading opens a database of any schema version so far and returns that version.
func connectReading(path string) (db *DB, v int, err error) {
	if err := present(path); err != nil {
		return nil, 0, err
	}
	for _, mode := range readModes {
		db = connect(path, mode)
		if v, err = db.version(); err == nil {
			return db, v, nil
		}
		_ = db.sql.Close()
		if !unwritable(path, err) {
			break
		}
	}
	return nil, 0, err
}

func (db *DB) version() (int, error) {
	ctx := context.Background()
	conn, err := db.sql.Conn(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close() }()
	return version(ctx, conn, "main")
}

// unwritable reports whether reading failed only because the folder is not writable or the disk is full, while the file
// itself is whole.
func unwritable(path string, err error) bool {
	beside := hasCode(err, sqlite3.ErrCantOpen) || hasCode(err, sqlite3.ErrReadonly) || IsFull(err)
	return beside && !halfWritten(err) && !leftover(path)
}
