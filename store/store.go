// Package store keeps runs, their measured statistics, sweeps and fits in SQLite. The results database and the run.db
// of each run (a shard) have the same schema. Merge adds the content of a shard to the results.
//
// Each row has a natural key, and the first value stored under a key is kept. Storing the same value under that key
// again changes nothing. A different value is stored beside the first value: as a conflict if both values have the same
// provenance (commit, Go version, kernel path, CPU), and otherwise as a difference.
package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/mattn/go-sqlite3"
)

// busyTimeout is how long a writer waits for another, in ms.
const busyTimeout = 10000

// walPages is the number of 4 KiB pages in the write-ahead log at which SQLite checkpoints it into the file. The rows
// of one step are spread over the file, one page per series, so a long log combines many steps' writes of a page into
// one.
const walPages = 16384

// SQLite returns the version of the built-in SQLite library.
func SQLite() string {
	version, _, _ := sqlite3.Version()
	return version
}

// readers returns the largest number of connections of a reading handle.
func readers() int { return max(4, runtime.NumCPU()) }

// DB is a handle on a database. Goroutines may share it. A handle opened for writing has one connection, and goroutines
// take turns to use it. A read-only handle has a pool of connections, so its readers do not wait for each other. Each
// process that writes to a database opens its own handle.
type DB struct {
	path    string
	reading string // the mode of a read-only handle's connections; "" if it writes
	copied  string // the folder of the copy that is read in place of path; "" if path itself is
	sql     *sql.DB
	// writing maps each run that this handle has put to the provenance under which it writes the run's rows.
	writing map[string]int64
	mutex   sync.Mutex // guards writing
}

// Open opens a database for writing. If the file is missing or empty, Open creates the database; its folder must exist.
// Open migrates a database with an older schema to the current schema. It returns ErrCorrupt if the database is damaged
// or the file is not an Outcrop database. If a newer Outcrop wrote the database, Open returns ErrNewer and does not
// change the file.
func Open(path string) (*DB, error) {
	if err := regular(path); err != nil {
		return nil, fault("opening", path, err)
	}
	db := connect(path, "mode=rwc")
	if err := db.prepare(); err != nil {
		_ = db.sql.Close()
		return nil, fault("opening", path, err)
	}
	return db, nil
}

// OpenExisting is like Open, but if the file is missing, it returns ErrMissing instead of creating a database.
func OpenExisting(path string) (*DB, error) {
	if err := present(path); err != nil {
		return nil, fault("opening", path, err)
	}
	return Open(path)
}

// OpenReadOnly opens an existing database for reading, even while other processes write to it.
//
// If the folder is not writable, OpenReadOnly still reads the database file, unless a writer left a write-ahead log
// beside it. A database with an older schema is first migrated; if it is not writable, a temporary copy of it is. A
// transaction that a killed writer left half written is first rolled back; then the database must be writable.
//
// OpenReadOnly returns ErrMissing if the file is missing, and ErrBlank if it is empty.
func OpenReadOnly(path string) (*DB, error) {
	if err := present(path); err != nil {
		return nil, fault("opening", path, err)
	}
	db, err := openReading(path, readModes[0])
	if unwritable(path, err) {
		db, err = openReading(path, readModes[1])
	}
	if errors.Is(err, errOlder) || halfWritten(err) {
		writing, opening := Open(path)
		if errors.Is(err, errOlder) && unwritable(path, opening) {
			db, err := openCopy(path)
			return db, fault("opening", path, err)
		}
		if opening != nil {
			return nil, fault("opening", path, fmt.Errorf("%w, and the database cannot be brought up to date: %w", err, opening))
		}
		if err := writing.Close(); err != nil {
			return nil, err
		}
		db, err = openReading(path, "mode=ro")
	}
	if err != nil {
		return nil, fault("opening", path, err)
	}
	return db, nil
}

// openCopy reads a database through a temporary copy that is brought up to date.
func openCopy(path string) (db *DB, err error) {
	dir, err := os.MkdirTemp("", "outcrop-older-")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(dir)
		}
	}()
	from, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = from.Close() }()
	to, err := os.Create(filepath.Join(dir, "copy.db"))
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(to, from); err != nil {
		_ = to.Close()
		return nil, err
	}
	if err := to.Close(); err != nil {
		return nil, err
	}
	writing, err := Open(to.Name())
	if err != nil {
		return nil, err
	}
	if err := writing.Close(); err != nil {
		return nil, err
	}
	if db, err = openReading(to.Name(), readModes[0]); err != nil {
		return nil, err
	}
	db.path, db.copied = path, dir
	return db, nil
}

// file returns the path of the file that is read.
func (db *DB) file() string {
	if db.copied != "" {
		return filepath.Join(db.copied, "copy.db")
	}
	return db.path
}

// errOlder is wrapped by an error about a database with an older schema.
var errOlder = errors.New("it has an older schema")

// Close closes the handle. After the last handle of all processes has closed, the database file alone holds everything:
// whoever closes moves the content of the write-ahead log into it. Only a reader that cannot write the file leaves the
// log as it is.
func (db *DB) Close() error {
	if db.reading == "" {
		// Readers that stay open would keep SQLite from doing so when the handle closes. What does not fit on the disk now
		// stays in the log.
		_, _ = db.sql.Exec("PRAGMA wal_checkpoint(PASSIVE)")
	}
	err := db.sql.Close()
	switch {
	case db.copied != "":
		err = errors.Join(err, os.RemoveAll(db.copied))
	case db.reading == readModes[0]:
		Settle(db.path)
	}
	return fault("closing", db.path, err)
}

// Settle moves the content of the write-ahead log that a killed writer, or a reader, left beside a database into the
// database file. It does nothing while another process has the database open, or if the file cannot be written.
func Settle(path string) {
	if _, err := os.Stat(path + besides[0]); err != nil || regular(path) != nil {
		return
	}
	db := connect(path, "mode=rw")
	var objects int
	// The query takes up the log, and SQLite folds it in when the last handle closes.
	_ = db.sql.QueryRow("SELECT count(*) FROM sqlite_schema").Scan(&objects)
	_ = db.sql.Close()
}

// Sync returns once everything that db has committed is on disk. Without it, a commit outlives its process, but not a
// power cut.
func (db *DB) Sync() error {
	for _, path := range []string{db.path + besides[0], filepath.Dir(db.path)} {
		// SQLite's locks do not lie on these files: closing one of them releases none. The database file itself is written
		// by SQLite alone, which syncs it.
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // nothing is in the log
		}
		if err == nil {
			err = errors.Join(f.Sync(), f.Close())
		}
		if err != nil {
			return fault("syncing", db.path, err)
		}
	}
	return nil
}

// Writable returns ErrReadOnly if this process may not write to the database. It waits for another writer to end.
func (db *DB) Writable() error {
	return db.write("beginning to write", func(tx *sql.Tx) error {
		_, err := tx.Exec("DELETE FROM names WHERE FALSE") // SQLite refuses a statement that writes, whatever it finds
		return err
	})
}

// Path returns the path with which the database was opened.
func (db *DB) Path() string { return db.path }

// Check reads the whole database. If the database is damaged, Check returns ErrCorrupt with the first fault that it
// finds.
func (db *DB) Check() error {
	var verdict string
	if err := db.sql.QueryRow("PRAGMA integrity_check(1)").Scan(&verdict); err != nil {
		return fault("checking", db.path, err)
	}
	if verdict != "ok" {
		return fault("checking", db.path, fmt.Errorf("%w: %s", ErrCorrupt, verdict))
	}
	var table string
	switch err := db.sql.QueryRow("SELECT \"table\" FROM pragma_foreign_key_check").Scan(&table); err {
	case sql.ErrNoRows:
		return nil
	case nil:
		return fault("checking", db.path, fmt.Errorf("%w: a row of table %s refers to a missing row", ErrCorrupt, table))
	default:
		return fault("checking", db.path, err)
	}
}

func connect(path, mode string) *DB {
	// Settings in the DSN apply to each connection of the pool.
	dsn := fmt.Sprintf("%s?%s&_busy_timeout=%d&_txlock=immediate&_synchronous=NORMAL&_foreign_keys=on"+
		"&_cache_size=-65536&_stmt_cache_size=16", uri(path), mode, busyTimeout)
	pool := sql.OpenDB(connector(dsn))
	pool.SetMaxOpenConns(1) // attached databases and prepared statements belong to a connection
	return &DB{path: path, sql: pool, writing: map[string]int64{}}
}

// connector makes the connections of a pool from their DSN. On each it turns off trust in the schema, so that no view
// or trigger of a database from elsewhere calls a function with side effects (sqlite.org/security.html).
type connector string

// Connect implements driver.Connector.
func (c connector) Connect(context.Context) (driver.Conn, error) { return c.Driver().Open(string(c)) }

// Driver implements driver.Connector.
func (c connector) Driver() driver.Driver {
	return &sqlite3.SQLiteDriver{ConnectHook: func(conn *sqlite3.SQLiteConn) error {
		_, err := conn.Exec("PRAGMA trusted_schema = off", nil)
		return err
	}}
}

// uri returns the path as a URI, with the characters escaped that SQLite and its driver would read as the end of the
// path. It begins so that neither takes the path's own beginning for a host (//host/path) or for SQLite's name
// :memory:.
func uri(path string) string {
	begin := "file:./"
	if filepath.IsAbs(path) {
		begin = "file://"
	}
	return begin + strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path)
}

// prepare checks the version before anything is written, then turns on the write-ahead log and migrates. Processes that
// open a new database at once can find it locked whatever the busy timeout, so prepare retries.
func (db *DB) prepare() error {
	ctx := context.Background()
	deadline := time.Now().Add(busyTimeout * time.Millisecond)
	for {
		err := db.prepareOnce(ctx)
		if !isBusy(err) || time.Now().After(deadline) {
			return err
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (db *DB) prepareOnce(ctx context.Context) error {
	conn, err := db.sql.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	v, err := version(ctx, conn, "main")
	if err != nil {
		return err
	}
	var mode string
	if err := conn.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode); err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, fmt.Sprintf("PRAGMA wal_autocheckpoint = %d", walPages)); err != nil {
		return err
	}
	if v == len(migrations) {
		return nil
	}
	return migrate(ctx, conn)
}

// openReading opens a pool of read-only connections. They stay open as long as the handle, so that the write-ahead log
// of writers that end meanwhile stays too.
func openReading(path, mode string) (*DB, error) {
	db := connect(path, mode+"&_query_only=on")
	db.reading = mode
	db.sql.SetMaxOpenConns(readers())
	db.sql.SetMaxIdleConns(readers())
	if err := db.readable(); err != nil {
		_ = db.sql.Close()
		return nil, err
	}
	return db, nil
}

func (db *DB) readable() error {
	ctx := context.Background()
	conn, err := db.sql.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	v, err := version(ctx, conn, "main")
	if err != nil {
		return err
	}
	if v == blank {
		return ErrBlank
	}
	if v < len(migrations) {
		return fmt.Errorf("%w, version %d before %d", errOlder, v, len(migrations))
	}
	return nil
}

// write runs work in one transaction.
func (db *DB) write(doing string, work func(tx *sql.Tx) error) error {
	tx, err := db.sql.Begin()
	if err != nil {
		return fault(doing, db.path, err)
	}
	if err := work(tx); err != nil {
		_ = tx.Rollback()
		return fault(doing, db.path, err)
	}
	return fault(doing, db.path, tx.Commit())
}

// read calls scan for every row of a query.
func (db *DB) read(doing, query string, args []any, scan func(rows *sql.Rows) error) error {
	rows, err := db.sql.Query(query, args...)
	if err != nil {
		return fault(doing, db.path, err)
	}
	for err == nil && rows.Next() {
		err = scan(rows)
	}
	return fault(doing, db.path, errors.Join(err, rows.Err(), rows.Close()))
}
