package store

import (
	"context"
	"database/sql"
	"fmt"
)

// queryer is a database or a transaction.
type queryer interface {
	Query(query string, args ...any) (*sql.Rows, error)
}

// Removal says what to remove: runs by id, and sweeps by name.
type Removal struct {
	Runs, Sweeps []string
}

// Count returns how many rows Remove would delete. It includes the rows of the runs and sweeps themselves.
func (db *DB) Count(r Removal) (rows int, err error) {
	rows, err = r.each(db.sql, "SELECT count(*) FROM", func(query, arg string) (int, error) {
		n := 0
		err := db.sql.QueryRow(query, arg).Scan(&n)
		return n, err
	})
	return rows, fault("counting what would be removed", db.path, err)
}

// Remove deletes the given runs and sweeps in one transaction and returns how many rows it deleted. With a run it
// deletes everything stored about the run, except that the run remains a member of its sweeps, where it is planned
// again. With a sweep it deletes its arms, members and claims, but not its runs. A run or sweep about which nothing is
// stored is ignored.
func (db *DB) Remove(r Removal) (rows int, err error) {
	err = db.write("removing runs and sweeps", func(tx *sql.Tx) error {
		// rows refer to each other
		if _, err := tx.ExecContext(context.Background(), "PRAGMA defer_foreign_keys = on"); err != nil {
			return err
		}
		rows, err = r.each(tx, "DELETE FROM", func(query, arg string) (int, error) { return affected(tx.Exec(query, arg)) })
		return err
	})
	return rows, err
}

// each calls do with a statement for every table that holds rows of a run or a sweep. These are the tables with a
// column `run`, which is the id of a row of runs if it is an integer and a hash if it is text, or with a column
// `sweep`. The tables runs and sweeps come last.
func (r Removal) each(from queryer, verb string, do func(query, arg string) (int, error)) (rows int, err error) {
	ofRun, err := tablesWith(from, "run", map[string]string{
		"INTEGER": "run = (SELECT id FROM runs WHERE hash = ?)", "TEXT": "run = ?"})
	if err != nil {
		return 0, err
	}
	ofSweep, err := tablesWith(from, "sweep", map[string]string{"TEXT": "sweep = ?"})
	if err != nil {
		return 0, err
	}
	for _, part := range []struct {
		tables []string
		names  []string
	}{{append(ofRun, "runs WHERE hash = ?"), r.Runs}, {append(ofSweep, "sweeps WHERE name = ?"), r.Sweeps}} {
		for _, name := range part.names {
			for _, table := range part.tables {
				n, err := do(verb+" "+table, name)
				if err != nil {
					return 0, err
				}
				rows += n
			}
		}
	}
	return rows, nil
}

// tablesWith lists the tables that have a column, each with the condition for that column's type. It leaves out the
// column run of members: the memberships belong to the sweep.
func tablesWith(from queryer, column string, conditions map[string]string) (tables []string, err error) {
	rows, err := from.Query(`SELECT m.name, p.type FROM sqlite_schema m, pragma_table_info(m.name) p
		WHERE m.type = 'table' AND p.name = ?1 AND NOT (m.name = 'members' AND ?1 = 'run') ORDER BY m.name DESC`, column)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var table, kind string
		if err := rows.Scan(&table, &kind); err != nil {
			return nil, err
		}
		condition, known := conditions[kind]
		if !known {
			return nil, fmt.Errorf("table %s has a column %s of the unknown type %s", table, column, kind)
		}
		tables = append(tables, table+" WHERE "+condition)
	}
	return tables, rows.Err()
}
