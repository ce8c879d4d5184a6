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
	"migrations/0005_tokens.sql",
}

// blank is the version of an empty database: a new one, or one whose writer was killed before its first commit.
const blank = 0

// applicationID marks the file of a database as Outcrop's.
const applicationID = 0x4f757463 // "Outc"

// version returns the schema version of main or of an attached database. It returns ErrCorrupt for a database of
// another program, or one whose schema is not what the migrations make, and ErrNewer for one from a newer Outcrop.
func version(ctx context.Context, conn *sql.Conn, schema string) (v int, err error) {
	// One transaction reads all of it, because another process may migrate the database meanwhile.
	if _, err := conn.ExecContext(ctx, "BEGIN"); err != nil {
		return 0, err
	}
	defer func() { _, _ = conn.ExecContext(context.Background(), "ROLLBACK") }()
	var application, objects int
	for _, one := range []struct {
		query string
		to    *int
	}{
		{"PRAGMA " + schema + ".user_version", &v},
		{"PRAGMA " + schema + ".application_id", &application},
		{"SELECT count(*) FROM " + schema + ".sqlite_schema", &objects},
	} {
		if err := conn.QueryRowContext(ctx, one.query).Scan(one.to); err != nil {
			return 0, err
		}
	}
	switch {
	case v == blank && objects == 0 && application == 0:
		return blank, nil
	case application != applicationID:
		return 0, fmt.Errorf("%w: it belongs to another program; name another file", ErrCorrupt)
	case v > len(migrations):
		return 0, fmt.Errorf("%w: it has schema version %d and this outcrop knows versions up to %d; "+
			"use an outcrop that knows version %d",
			ErrNewer, v, len(migrations), v)
	case v <= blank:
		return 0, fmt.Errorf("%w: no outcrop writes schema version %d; %s", ErrCorrupt, v, restore)
	}
	return v, sameSchema(ctx, conn, schema, v)
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
