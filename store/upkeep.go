package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/mattn/go-sqlite3"

	"github.com/outcrop-lab/outcrop/settings"
)

// invariant is a rule that the schema does not enforce.
type invariant struct {
	what string
	// since is the first schema version that has what the query reads; a merge checks a shard of that version or later. It
	// is 0 for a query that reads all measured rows, because a merge checks these itself.
	since int
	// query finds texts. {s} stands for the schema's name.
	query string
	// keeps reports whether such a text keeps the rule. It is nil if the query finds only texts that break it.
	keeps func(text string) bool
}

var invariants = []invariant{
	{"a run's id is not 64 hex digits", 1, `SELECT hash FROM {s}runs UNION SELECT run FROM {s}members`, IsID},
	{"a run's id is not 64 hex digits", 4,
		`SELECT run FROM {s}events UNION SELECT run FROM {s}leases UNION SELECT run FROM {s}stops`, IsID},
	{"the name of a sweep is not " + settings.NameRule, 1,
		`SELECT name FROM {s}sweeps UNION SELECT sweep FROM {s}arms UNION SELECT sweep FROM {s}members`, settings.IsName},
	{"the name of an arm is not as a sweep file makes it", 1,
		`SELECT name FROM {s}arms UNION SELECT arm FROM {s}members`, settings.IsArm},
	{"the name of a claim's sweep is not " + settings.NameRule, 4,
		`SELECT DISTINCT sweep FROM {s}claims`, settings.IsName},
	{"the path of a snapshot leaves its run's folder", 3, `SELECT DISTINCT file FROM {s}snapshot_files`, filepath.IsLocal},
	{"a measured row has no run", 0, `SELECT 'run number ' || run FROM (SELECT DISTINCT run FROM {s}stats)
		WHERE run NOT IN (SELECT id FROM {s}runs)`, nil},
	{"a measured row has a site or a statistic without a name", 0, `SELECT 'name number ' || site FROM
		(SELECT DISTINCT site FROM {s}stats UNION SELECT DISTINCT statistic FROM {s}stats)
		WHERE site NOT IN (SELECT id FROM {s}names)`, nil},
	{"a run's configuration is not JSON", 1, `SELECT hash FROM {s}runs WHERE NOT json_valid(config)`, nil},
	{"a run is past its last step", 1,
		`SELECT hash || ' at step ' || step || ' of ' || steps FROM {s}runs WHERE step > steps OR step < 0`, nil},
	{"a run's first provenance is not among its provenances", 1, `SELECT hash FROM {s}runs r WHERE NOT EXISTS
		(SELECT 1 FROM {s}run_provenances q WHERE q.run = r.id AND q.provenance = r.provenance)`, nil},
	{"a layer, head or idx is below -1, or a step below 0", 0, `SELECT r.hash || ' at step ' || s.step
		FROM {s}stats s JOIN {s}runs r ON r.id = s.run
		WHERE s.layer < -1 OR s.head < -1 OR s.idx < -1 OR s.step < 0`, nil},
	{"a disagreement equals the value that stayed", 1, `SELECT r.hash || ' at step ' || d.step
		FROM {s}disagreements d JOIN {s}runs r ON r.id = d.run
		JOIN {s}stats s USING (run, site, statistic, layer, head, idx, step) WHERE s.value IS d.value`, nil},
	{"a snapshot has a step, a sequence or a layer out of range", 3, `
		SELECT r.hash || ' at step ' || s.step || ': ' || file
		FROM {s}snapshot_files s JOIN {s}runs r ON r.id = s.run
		WHERE s.step < 0 OR sequence < 0 OR layer < -1 OR tensor = ''`, nil},
	{"a lease has no owner, or ends before it begins", 4,
		`SELECT run || ' of ' || owner FROM {s}leases WHERE owner = '' OR expires < since`, nil},
	{"an event has no known status, or a step below 0", 4, `SELECT run || ' ' || status || ' at step ' || step
		FROM {s}events
		WHERE step < 0 OR status NOT IN
			('planned', 'leased', 'running', 'done', 'stopped', 'failed', 'diverged', 'lost')`, nil},
	{"a shard added no row", 4, `SELECT file FROM {s}shards WHERE file = '' OR rows < 1`, nil},
	{"a claim has no known verdict, or numbers that are not JSON", 4, `SELECT name || ' on ' || sweep FROM {s}claims
		WHERE verdict NOT IN ('holds', 'fails', 'undecided') OR NOT json_valid(detail)`, nil},
	{"a fit's parameters are not JSON", 1,
		`SELECT r.hash || ' ' || f.family FROM {s}fits f JOIN {s}runs r ON r.id = f.run WHERE NOT json_valid(f.params)`, nil},
	{"a series has more than one best fit, or none", 1, `
		SELECT r.hash || ' ' || a.name || '/' || b.name || ' of layer ' || f.layer FROM {s}fits f
		JOIN {s}runs r ON r.id = f.run JOIN {s}names a ON a.id = f.site JOIN {s}names b ON b.id = f.statistic
		GROUP BY f.run, f.site, f.statistic, f.layer, f.head, f.idx HAVING sum(f.best) <> 1`, nil},
}

// broken calls do with every text that breaks the rule in a schema, "main" or an attached database, until do returns an
// error.
func (i invariant) broken(from queryer, schema string, do func(text string) error) error {
	rows, err := from.Query(strings.ReplaceAll(i.query, "{s}", schema+"."))
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return err
		}
		if i.keeps != nil {
			if i.keeps(text) {
				continue
			}
			text = fmt.Sprintf("%.100q", text)
		}
		if err := do(text); err != nil {
			return err
		}
	}
	return rows.Err()
}

// sound returns ErrCorrupt with the first row that breaks a rule in a schema of the given version: a row that refers to
// a missing row, or one that breaks an invariant. It leaves out the measured rows, which a merge checks itself.
func sound(from queryer, schema string, version int) error {
	missing := invariant{"a row refers to a missing row", 1, `SELECT f."table" || ' to ' || f.parent
		FROM {s}sqlite_schema t, pragma_foreign_key_check(t.name, '` + schema + `') f
		WHERE t.type = 'table' AND t.name <> 'stats'`, nil}
	for _, i := range append([]invariant{missing}, invariants...) {
		if i.since == 0 || i.since > version {
			continue
		}
		err := i.broken(from, schema, func(text string) error { return fmt.Errorf("%w: %s: %s", ErrCorrupt, i.what, text) })
		if err != nil {
			return err
		}
	}
	return nil
}

// faultsShown is the largest number of faults of one kind that Faults names.
const faultsShown = 5

// Faults reads the whole database and lists its faults: damaged pages, rows that refer to missing rows, and rows that
// break another rule, such as a negative step. If any page is damaged, Faults lists only the damage. Of each kind it
// lists the first few faults and the number of the others. The list is empty if the database is sound.
func (db *DB) Faults() (faults []string, err error) {
	add := func(i invariant) error {
		n := 0
		err := i.broken(db.sql, "main", func(text string) error {
			if n++; n <= faultsShown {
				faults = append(faults, i.what+": "+text)
			}
			return nil
		})
		if n > faultsShown {
			faults = append(faults, fmt.Sprintf("%s: %d more", i.what, n-faultsShown))
		}
		return fault("checking", db.path, err)
	}
	damaged := invariant{what: "damaged", query: "SELECT * FROM pragma_integrity_check WHERE integrity_check <> 'ok'"}
	if err := add(damaged); err != nil || len(faults) > 0 {
		return faults, err // the content of damaged pages means nothing
	}
	orphaned := invariant{what: "a row refers to a missing row",
		query: `SELECT "table" || ' to ' || parent FROM pragma_foreign_key_check`}
	for _, i := range append([]invariant{orphaned}, invariants...) {
		if err := add(i); err != nil {
			return faults, err
		}
	}
	return faults, nil
}

// Vacuum rewrites the database file without its free pages. It needs as much free disk space as the database occupies.
func (db *DB) Vacuum() error {
	if _, err := db.sql.Exec("VACUUM"); err != nil {
		return fault("vacuuming", db.path, err)
	}
	_, err := db.sql.Exec("PRAGMA wal_checkpoint(TRUNCATE)")
	return fault("vacuuming", db.path, err)
}

// backupPages is the number of 4 KiB pages that a backup copies at once. In between, it checks whether it was
// cancelled.
const backupPages = 256

// Backup copies the database to a new file at path. It copies the state at the start, even while other processes write
// to the database. The file appears at path only once the copy is complete. If a file already exists at path, Backup
// returns fs.ErrExist and leaves the existing file as it is.
func (db *DB) Backup(ctx context.Context, path string) error {
	doing := "backing up into " + path
	if _, err := os.Lstat(path); err == nil {
		return fault(doing, db.path, fmt.Errorf("%w; name another file", fs.ErrExist))
	}
	hidden, err := os.MkdirTemp(filepath.Dir(path), ".backup-")
	if err != nil {
		return fault(doing, db.path, err)
	}
	defer func() { _ = os.RemoveAll(hidden) }()
	whole := filepath.Join(hidden, "copy.db")
	if err := db.copyInto(ctx, whole); err != nil {
		return fault(doing, db.path, err)
	}
	return fault(doing, db.path, os.Rename(whole, path))
}

// copyInto copies every page through SQLite's online backup (sqlite.org/backup.html). A backup restarts whenever
// another connection writes the source. Within a read transaction it sees the state at the transaction's start, so it
// ends.
func (db *DB) copyInto(ctx context.Context, path string) (err error) {
	to := connect(path, "mode=rwc")
	defer func() { err = errors.Join(err, to.sql.Close()) }()
	target, err := to.sql.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = target.Close() }()
	source, err := db.sql.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }()
	if _, err := source.ExecContext(ctx, "BEGIN; SELECT count(*) FROM sqlite_schema"); err != nil {
		return err
	}
	defer func() { _, _ = source.ExecContext(context.Background(), "ROLLBACK") }()
	return driverOf(source, func(source *sqlite3.SQLiteConn) error {
		return driverOf(target, func(target *sqlite3.SQLiteConn) error {
			backup, err := target.Backup("main", source, "main")
			if err != nil {
				return err
			}
			for {
				done, err := backup.Step(backupPages)
				if err == nil && !done {
					err = ctx.Err()
				}
				if err != nil {
					_ = backup.Finish()
					return err
				}
				if done {
					return backup.Finish()
				}
			}
		})
	})
}

// driverOf calls work with the driver's own connection.
func driverOf(conn *sql.Conn, work func(c *sqlite3.SQLiteConn) error) error {
	return conn.Raw(func(raw any) error {
		c, ok := raw.(*sqlite3.SQLiteConn)
		if !ok {
			return fmt.Errorf("the driver's connection is an unexpected %T", raw)
		}
		return work(c)
	})
}
