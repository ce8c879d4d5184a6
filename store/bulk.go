package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/mattn/go-sqlite3"
)

// bulk runs work in one transaction with foreign keys off. It is for rows whose parent ids work has looked up itself,
// so that SQLite need not look them up again for each row. work may use conn for calls to the driver itself.
func (db *DB) bulk(doing string, work func(conn *sql.Conn, tx *sql.Tx) error) error {
	return fault(doing, db.path, db.bulkOnce(work))
}

func (db *DB) bulkOnce(work func(conn *sql.Conn, tx *sql.Tx) error) (err error) {
	ctx := context.Background()
	conn, err := db.sql.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	return unparented(ctx, conn, func() error {
		tx, err := conn.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		if err := work(conn, tx); err != nil {
			_ = tx.Rollback()
			return err
		}
		return tx.Commit()
	})
}

// unparented runs work with foreign keys off. They can be switched only outside a transaction.
func unparented(ctx context.Context, conn *sql.Conn, work func() error) error {
	if _, err := conn.ExecContext(ctx, "PRAGMA foreign_keys = off"); err != nil {
		return err
	}
	err := work()
	_, on := conn.ExecContext(ctx, "PRAGMA foreign_keys = on")
	return errors.Join(err, on)
}

// chunk is the number of rows that one statement inserts.
const chunk = 64

// insertRows inserts the rows of one step and returns the rows of every chunk that was already there in part. It
// bypasses database/sql: the driver's Query binds all values and runs the statement in one call into C, whereas Exec
// makes one call per value.
func insertRows(conn *sql.Conn, run int64, step int, names map[string]int64, rows []Row) (known []Row, err error) {
	err = driverOf(conn, func(c *sqlite3.SQLiteConn) error {
		changes, err := prepare(c, "SELECT changes()")
		if err != nil {
			return err
		}
		defer changes.close()
		var insert *statement
		defer func() { insert.close() }()
		last := 0
		for some := range slices.Chunk(rows, chunk) {
			if len(some) != last {
				insert.close()
				if insert, err = prepare(c, insertText(len(some))); err != nil {
					return err
				}
				last = len(some)
			}
			insert.args = insert.args[:0]
			insert.integer(run)
			insert.integer(int64(step))
			for i := range some {
				row := &some[i]
				insert.integer(names[row.Site])
				insert.integer(names[row.Statistic])
				insert.integer(int64(row.Layer))
				insert.integer(int64(row.Head))
				insert.integer(int64(row.Idx))
				insert.float(row.Value)
			}
			if _, err := insert.run(); err != nil {
				return err
			}
			inserted, err := changes.run()
			if err != nil {
				return err
			}
			if inserted != int64(len(some)) {
				known = append(known, some...)
			}
		}
		return nil
	})
	return known, err
}

// insertText returns the statement that inserts n rows: ?1 is the run, ?2 the step, and six values per row follow.
func insertText(n int) string {
	var text strings.Builder
	text.WriteString("INSERT INTO stats (run, step, site, statistic, layer, head, idx, value) VALUES ")
	for i := range n {
		if i > 0 {
			text.WriteString(", ")
		}
		at := 3 + 6*i
		fmt.Fprintf(&text, "(?1, ?2, ?%d, ?%d, ?%d, ?%d, ?%d, ?%d)", at, at+1, at+2, at+3, at+4, at+5)
	}
	text.WriteString(" ON CONFLICT DO NOTHING")
	return text.String()
}

// statement is a prepared statement of the driver with its arguments. A nil statement may be closed.
type statement struct {
	stmt interface {
		driver.Stmt
		driver.StmtQueryContext
	}
	args []driver.NamedValue
	row  [1]driver.Value
}

func prepare(c *sqlite3.SQLiteConn, text string) (*statement, error) {
	stmt, err := c.Prepare(text)
	if err != nil {
		return nil, err
	}
	return &statement{stmt: stmt.(*sqlite3.SQLiteStmt)}, nil
}

func (s *statement) close() {
	if s != nil {
		_ = s.stmt.Close()
	}
}

func (s *statement) integer(x int64) {
	s.args = append(s.args, driver.NamedValue{Ordinal: len(s.args) + 1, Value: x})
}

func (s *statement) float(x float64) {
	v := driver.NamedValue{Ordinal: len(s.args) + 1}
	if !math.IsNaN(x) {
		v.Value = x
	}
	s.args = append(s.args, v)
}

// run runs the statement and returns the integer in its first row, which has at most one column. It returns 0 if there
// is no row or no column.
func (s *statement) run() (int64, error) {
	rows, err := s.stmt.QueryContext(context.Background(), s.args)
	if err != nil {
		return 0, err
	}
	defer func() { _ = rows.Close() }()
	row := s.row[:len(rows.Columns())]
	switch err := rows.Next(row); {
	case err == io.EOF:
		return 0, nil
	case err != nil:
		return 0, err
	case len(row) == 0:
		return 0, nil
	}
	n, _ := row[0].(int64)
	return n, nil
}
