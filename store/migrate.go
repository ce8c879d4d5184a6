package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migrations lists the migration files: file i brings a database from version i to i+1. The statements of a released
// file never change.
var migrations = []string{
	"migrations/0001_first.sql",
	"migrations/0002_fit_intervals.sql",
	"migrations/0003_snapshots.sql",
	"migrations/0004_coordination.sql",
}

// blank is the version of an empty database: a new one, or one whose writer was killed before its first commit.
const blank = 0

// version returns the schema version of main or of an attached database. A database of another program is ErrCorrupt,
// one from a newer Outcrop ErrNewer.
func version(ctx context.Context, conn *sql.Conn, schema string) (int, error) {
	var v, tables int
	if err := conn.QueryRowContext(ctx, "PRAGMA "+schema+".user_version").Scan(&v); err != nil {
		return 0, err
	}
	if v > len(migrations) {
		return 0, fmt.Errorf("%w: it has schema version %d and this outcrop knows versions up to %d; "+
			"use an outcrop that knows version %d",
			ErrNewer, v, len(migrations), v)
	}
	if err := conn.QueryRowContext(ctx, "SELECT count(*) FROM "+schema+".sqlite_schema").Scan(&tables); err != nil {
		return 0, err
	}
	if v == blank && tables == 0 {
		return blank, nil
	}
	var application int
	if err := conn.QueryRowContext(ctx, "PRAGMA "+schema+".application_id").Scan(&application); err != nil {
		return 0, err
	}
	if application != 0x4f757463 {
		return 0, fmt.Errorf("%w: it belongs to another program; name another file", ErrCorrupt)
	}
	return v, nil
}

// migrate brings the database to the newest schema, in one transaction. If several processes open a new database at
// once, one migrates it and the others find it done.
func migrate(ctx context.Context, conn *sql.Conn) error {
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	var v int
	if err := tx.QueryRow("PRAGMA user_version").Scan(&v); err != nil {
		return err
	}
	for ; v < len(migrations); v++ {
		text, err := migrationFiles.ReadFile(migrations[v])
		if err != nil {
			return err
		}
		if _, err := tx.Exec(string(text)); err != nil {
			return fmt.Errorf("migrating to schema version %d: %w", v+1, err)
		}
		if _, err := tx.Exec(fmt.Sprintf("PRAGMA user_version = %d", v+1)); err != nil {
			return err
		}
	}
	return tx.Commit()
}
