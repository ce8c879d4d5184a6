package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/mattn/go-sqlite3"
)

// Kind says which type the values of a column have.
type Kind int

// The kinds of columns. Their values have the types int64, uint64, float64, string and bool, respectively.
const (
	Integer Kind = iota
	Unsigned
	Real // NaN is represented as nil
	Text
	Bool
)

// Column is one column of an exported table.
type Column struct {
	Name string
	Kind Kind
}

// Table is one exported table. It holds the names of runs, sites and statistics instead of their numeric ids. Its rows
// are ordered by their natural key, regardless of the order in which they were stored.
type Table struct {
	Name    string
	Columns []Column
	query   string
	args    []any
}

// Statistics is the table of all measured numbers. Its columns layer, head and idx are -1 where they do not apply.
var Statistics = statistics("")

// StatisticsOf returns the part of the table Statistics that belongs to one run.
func StatisticsOf(run string) Table { return statistics("WHERE r.hash = ?", run) }

func statistics(where string, args ...any) Table {
	return Table{"statistics", []Column{{"run", Text}, {"site", Text}, {"statistic", Text}, {"layer", Integer},
		{"head", Integer}, {"idx", Integer}, {"step", Integer}, {"value", Real}},
		// The joins are loops in the order of the key, each over an index, so nothing is sorted, however many rows there are.
		`SELECT r.hash, a.name, b.name, s.layer, s.head, s.idx, s.step, s.value
		FROM runs r CROSS JOIN names a CROSS JOIN names b CROSS JOIN stats s
			ON s.run = r.id AND s.site = a.id AND s.statistic = b.id ` + where + `
		ORDER BY r.hash, a.name, b.name, s.layer, s.head, s.idx, s.step`, args}
}

// Tables lists all exported tables. Leases and stop requests are not exported, because they matter only on this machine
// and only while processes work on the runs.
var Tables = []Table{
	{"runs", []Column{{"run", Text}, {"config", Text}, {"data_digest", Text}, {"trainer_version", Integer},
		{"seed", Unsigned}, {"device", Text}, {"precision", Text}, {"slices", Integer}, {"steps", Integer}, {"step", Integer},
		{"status", Text}, {"error", Text}, {"params", Integer}, {"git_commit", Text}, {"go_version", Text},
		{"kernel_path", Text}, {"cpu", Text}},
		"SELECT " + runColumns + " FROM runs r JOIN provenances p ON p.id = r.provenance ORDER BY r.hash", nil},
	{"sweeps", []Column{{"name", Text}, {"source", Text}}, "SELECT name, source FROM sweeps ORDER BY name", nil},
	{"arms", []Column{{"sweep", Text}, {"name", Text}, {"differs", Text}, {"position", Integer}},
		"SELECT sweep, name, differs, position FROM arms ORDER BY sweep, name", nil},
	{"members", []Column{{"sweep", Text}, {"arm", Text}, {"seed", Unsigned}, {"run", Text}, {"position", Integer}},
		"SELECT sweep, arm, seed, run, position FROM members ORDER BY sweep, arm, seed, run", nil},
	Statistics,
	{"fits", []Column{{"run", Text}, {"site", Text}, {"statistic", Text}, {"layer", Integer}, {"head", Integer},
		{"idx", Integer}, {"family", Text}, {"params", Text}, {"n", Integer}, {"r2", Real}, {"adj_r2", Real}, {"aic", Real},
		{"aicc", Real}, {"bic", Real}, {"rmse", Real}, {"t_peak", Real}, {"f_peak", Real}, {"regime", Text},
		{"message", Text}, {"best", Bool}, {"weight", Real}, {"peak_seen", Bool}, {"rise_time", Real}, {"steady", Real},
		{"condition", Real}, {"intervals", Text}, {"undetermined", Text}},
		`SELECT r.hash, a.name, b.name, t.layer, t.head, t.idx, t.family, t.params, t.n, t.r2, t.adj_r2, t.aic, t.aicc, t.bic,
			t.rmse, t.t_peak, t.f_peak, t.regime, t.message, t.best, t.weight, t.peak_seen, t.rise_time, t.steady,
			t.condition, t.intervals, t.undetermined
		FROM fits t JOIN runs r ON r.id = t.run JOIN names a ON a.id = t.site JOIN names b ON b.id = t.statistic
		ORDER BY r.hash, a.name, b.name, t.layer, t.head, t.idx, t.family`, nil},
	{"claims", []Column{{"sweep", Text}, {"name", Text}, {"source", Text}, {"statement", Text}, {"verdict", Text},
		{"detail", Text}},
		"SELECT sweep, name, source, statement, verdict, detail FROM claims ORDER BY sweep, name", nil},
	{"timings", []Column{{"run", Text}, {"name", Text}, {"step", Integer}, {"value", Real}},
		"SELECT r.hash, t.name, t.step, t.value FROM timings t JOIN runs r ON r.id = t.run ORDER BY r.hash, t.name, t.step",
		nil},
	{"events", []Column{{"run", Text}, {"at", Integer}, {"status", Text}, {"step", Integer}, {"message", Text}},
		"SELECT run, at, status, step, message FROM events ORDER BY run, at, status, step", nil},
	{"shards", []Column{{"file", Text}, {"rows", Integer}, {"at", Integer}},
		"SELECT file, rows, at FROM shards ORDER BY file", nil},
	{"snapshots", []Column{{"run", Text}, {"step", Integer}, {"layer", Integer}, {"site", Text}, {"sequence", Integer},
		{"file", Text}, {"tensor", Text}},
		"SELECT run, step, layer, site, sequence, file, tensor FROM snapshots ORDER BY run, step, site, layer, sequence",
		nil},
	{"tokens", []Column{{"run", Text}, {"token", Integer}, {"label", Text}},
		"SELECT run, token, label FROM tokens ORDER BY run, token", nil},
	{"conflicts", []Column{{"run", Text}, {"site", Text}, {"statistic", Text}, {"layer", Integer}, {"head", Integer},
		{"idx", Integer}, {"step", Integer}, {"kept", Real}, {"other", Real}},
		`SELECT run, site, statistic, layer, head, idx, step, kept, other FROM conflicts
		ORDER BY run, site, statistic, layer, head, idx, step, other`, nil},
	{"differences", []Column{{"run", Text}, {"git_commit", Text}, {"go_version", Text}, {"kernel_path", Text},
		{"cpu", Text}, {"differing", Integer}},
		`SELECT run, git_commit, go_version, kernel_path, cpu, differing FROM differences
		ORDER BY run, git_commit, go_version, kernel_path, cpu`, nil},
}

// AtOnce calls work with a handle whose reads all see the same state of the database, even while other processes write
// to it. The function work must only read, and the handle is valid only until work returns. If db was opened for
// writing, work gets db itself, and nothing else may use db until AtOnce returns.
func (db *DB) AtOnce(work func(db *DB) error) (err error) {
	const doing = "reading one state"
	one := db
	if db.reading != "" {
		if one, err = openReading(db.file(), db.reading); err != nil {
			return fault(doing, db.path, err)
		}
		one.path = db.path
		defer func() { err = errors.Join(err, one.Close()) }()
		one.sql.SetMaxOpenConns(1) // the one of the transaction
	}
	if _, err := one.sql.Exec("BEGIN DEFERRED"); err != nil { // the state is that of the first read
		return fault(doing, db.path, err)
	}
	err = work(one)
	_, ending := one.sql.Exec("ROLLBACK")
	return errors.Join(err, fault(doing, db.path, ending))
}

// Scan calls row for every row of a table, with a slice of one value per column. It reuses that slice for the next row.
// Scan holds only one row in memory at a time, and sees the table as it was at the start, even while other processes
// write to the database. If ctx is cancelled, Scan returns the error of ctx.
func (db *DB) Scan(ctx context.Context, t Table, row func(values []any) error) error {
	values, to := make([]any, len(t.Columns)), make([]any, len(t.Columns))
	for i := range values {
		to[i] = &values[i]
	}
	return db.read("reading table "+t.Name, t.query, t.args, func(rows *sql.Rows) error {
		if err := errors.Join(ctx.Err(), rows.Scan(to...)); err != nil {
			return err
		}
		for i, c := range t.Columns {
			if values[i] == nil {
				continue // only a Real can be nil
			}
			switch n, _ := values[i].(int64); c.Kind {
			case Unsigned:
				values[i] = uint64(n)
			case Bool:
				values[i] = n != 0
			}
		}
		return row(values)
	})
}

// ErrQuery is wrapped by an error about the text of a query: the text is not SQL, names something that does not exist,
// or would write.
var ErrQuery = errors.New("the query cannot be answered")

// The authorizer actions of SQLite that a reading query needs (sqlite.org/c3ref/c_alter_table.html).
const (
	actionPragma    = 19
	actionRead      = 20
	actionSelect    = 21
	actionFunction  = 31
	actionRecursive = 33
)

// Query runs an SQL statement that only reads. It first calls header with the names of the columns. It then calls row
// for every row, with one value per column: an int64, float64, string, []byte or nil. It reuses the slice of values for
// the next row. Query returns ErrQuery if the text is not one statement, or if the statement would write to this
// database or to another file.
func (db *DB) Query(ctx context.Context, text string, header func(columns []string) error,
	row func(values []any) error) error {
	const doing = "querying"
	text, err := single(text)
	if err != nil {
		return fault(doing, db.path, err)
	}
	conn, err := db.sql.Conn(ctx)
	if err != nil {
		return fault(doing, db.path, err)
	}
	defer func() { _ = conn.Close() }()
	if err := authorize(conn, readsOnly); err != nil {
		return fault(doing, db.path, err)
	}
	defer func() { _ = authorize(conn, nil) }()
	if err := unbound(conn, text); err != nil {
		return fault(doing, db.path, queryFault(err))
	}
	rows, err := conn.QueryContext(ctx, text)
	if err != nil {
		return fault(doing, db.path, queryFault(err))
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		return fault(doing, db.path, err)
	}
	if len(columns) == 0 {
		return fault(doing, db.path, fmt.Errorf("%w: it is empty; write SELECT …", ErrQuery))
	}
	if err := header(columns); err != nil {
		return err
	}
	values, to := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		to[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(to...); err != nil {
			return fault(doing, db.path, err)
		}
		if err := row(values); err != nil {
			return err
		}
	}
	return fault(doing, db.path, queryFault(rows.Err()))
}

// unbound returns ErrQuery if a statement has parameters, for which there are no values.
func unbound(conn *sql.Conn, text string) error {
	return driverOf(conn, func(c *sqlite3.SQLiteConn) error {
		stmt, err := c.Prepare(text)
		if err != nil {
			return err
		}
		defer func() { _ = stmt.Close() }()
		if stmt.NumInput() > 0 {
			return fmt.Errorf("%w: it has a parameter (?, ?1, :name, @name, $name) without a value; write the value itself",
				ErrQuery)
		}
		return nil
	})
}

func authorize(conn *sql.Conn, may func(action int, first, second, schema string) int) error {
	return driverOf(conn, func(c *sqlite3.SQLiteConn) error {
		c.RegisterAuthorizer(may)
		return nil
	})
}

// readsOnly allows the actions of a SELECT, and the pragmas that describe tables.
func readsOnly(action int, first, second, _ string) int {
	switch action {
	case actionSelect, actionRead, actionFunction, actionRecursive:
		return sqlite3.SQLITE_OK
	case actionPragma:
		switch first {
		case "table_info", "table_xinfo", "table_list", "index_list", "index_info", "foreign_key_list":
			return sqlite3.SQLITE_OK
		}
	}
	return sqlite3.SQLITE_DENY
}

func queryFault(err error) error {
	switch {
	case hasCode(err, sqlite3.ErrAuth):
		return fmt.Errorf("%w: it does more than read; only SELECT is answered", ErrQuery)
	case hasCode(err, sqlite3.ErrError):
		return fmt.Errorf("%w: %w", ErrQuery, err)
	}
	return err
}
