package store

import (
	"context"
	"database/sql"
	"path/filepath"
	"strings"
	"time"
)

// Shard is a database whose rows were merged into this database.
type Shard struct {
	File string    // relative to this database's folder if it is below that folder, and otherwise its last two names
	Rows int       // the number of measured rows that its merges added
	At   time.Time // when a merge last added measured rows, to the microsecond
}

// putShard records how many rows a merge added. A merge that added none leaves no trace.
func putShard(ctx context.Context, tx *sql.Tx, file string, rows int) error {
	if rows == 0 {
		return nil
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO main.shards (file, rows, at) VALUES (?, ?, ?)
		ON CONFLICT DO UPDATE SET rows = rows + excluded.rows, at = excluded.at`, file, rows, time.Now().UnixMicro())
	return err
}

// shardName returns the name of a shard's file in this database.
func (db *DB) shardName(path string) string {
	whole, err := filepath.Abs(path)
	if err != nil {
		return lastNames(path)
	}
	folder, err := filepath.Abs(filepath.Dir(db.path))
	if err != nil {
		return lastNames(whole)
	}
	if below, err := filepath.Rel(folder, whole); err == nil && below != ".." &&
		!strings.HasPrefix(below, ".."+string(filepath.Separator)) {
		return filepath.ToSlash(below)
	}
	return lastNames(whole)
}

// lastNames returns the names of a file and its folder, which say where it came from without a path of this machine.
func lastNames(path string) string {
	return filepath.ToSlash(filepath.Join(filepath.Base(filepath.Dir(path)), filepath.Base(path)))
}

// Shards lists the databases from which merges added measured rows, ordered by file.
func (db *DB) Shards() (shards []Shard, err error) {
	err = db.read("reading shards", "SELECT file, rows, at FROM shards ORDER BY file", nil, func(rows *sql.Rows) error {
		var s Shard
		var at int64
		if err := rows.Scan(&s.File, &s.Rows, &at); err != nil {
			return err
		}
		s.At = time.UnixMicro(at)
		shards = append(shards, s)
		return nil
	})
	return shards, err
}
