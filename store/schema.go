package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"
)

// object is a table, an index, a view or a trigger: a row of sqlite_schema. Its sql is "" if SQLite made it by itself.
type object struct {
	kind, name, table, sql string
}

// made returns the objects that each schema version has, by version. The migrations make them in a database in memory.
var made = sync.OnceValues(func() (versions []map[object]bool, err error) {
	db := connect(":memory:", "mode=memory")
	defer func() { _ = db.sql.Close() }()
	ctx := context.Background()
	conn, err := db.sql.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	for v := 0; ; v++ {
		objects := map[object]bool{}
		if err := eachObject(ctx, conn, "main", func(o object) error { objects[o] = true; return nil }); err != nil {
			return nil, err
		}
		if versions = append(versions, objects); v == len(migrations) {
			return versions, nil
		}
		text, err := migrationFiles.ReadFile(migrations[v])
		if err == nil {
			_, err = conn.ExecContext(ctx, string(text))
		}
		if err != nil {
			return nil, err
		}
	}
})

// sameSchema returns ErrCorrupt if main or an attached database has other tables, indexes, views or triggers than the
// migrations make for its version. A trigger could write whatever it likes, and a view that stands for a table could
// run without end.
func sameSchema(ctx context.Context, conn *sql.Conn, schema string, version int) error {
	versions, err := made()
	if err != nil {
		return err
	}
	want := versions[version]
	found := 0
	err = eachObject(ctx, conn, schema, func(o object) error {
		switch {
		case want[o]:
			found++
		case o.kind == "table" && (o.name == "sqlite_stat1" || o.name == "sqlite_stat4"): // the user's ANALYZE made it
		case makes(want, o.name):
			return fmt.Errorf("%w: its %s %q is not the one that outcrop makes; %s", ErrCorrupt, o.kind, o.name, restore)
		default:
			return fmt.Errorf("%w: outcrop made no %s %q; if you made it, remove it: DROP %s %q; otherwise %s",
				ErrCorrupt, o.kind, o.name, strings.ToUpper(o.kind), o.name, restore)
		}
		return nil
	})
	if err == nil && found < len(want) {
		err = fmt.Errorf("%w: it lacks %d of the %d tables, indexes and views of schema version %d; %s",
			ErrCorrupt, len(want)-found, len(want), version, restore)
	}
	return err
}

// restore is the remedy for a database whose schema somebody changed.
const restore = "take a sound copy, or move the file away and run the sweep again, " +
	"which merges its runs' own databases into a new file"

func makes(want map[object]bool, name string) bool {
	for o := range want {
		if strings.EqualFold(o.name, name) { // SQLite compares names so
			return true
		}
	}
	return false
}

func eachObject(ctx context.Context, conn *sql.Conn, schema string, do func(o object) error) error {
	rows, err := conn.QueryContext(ctx, "SELECT type, name, tbl_name, ifnull(sql, '') FROM "+schema+".sqlite_schema")
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var o object
		if err := rows.Scan(&o.kind, &o.name, &o.table, &o.sql); err != nil {
			return err
		}
		if err := do(o); err != nil {
			return err
		}
	}
	return rows.Err()
}
