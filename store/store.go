// Package store keeps runs, their measured statistics, sweeps and fits in SQLite. The results database and each
// run's own run.db (a shard) have one schema; Merge brings a shard's rows into the results.
//
// Rows have natural keys, and the first value of a key stays: writing the same again changes nothing. Another value
// under equal provenance (commit, Go version, kernel path, CPU) is kept beside it as a conflict, under other
// provenance as a difference.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/mattn/go-sqlite3"
)

// busyTimeout is how long a writer waits for another, in ms.
const busyTimeout = 10000

// walPages is how many pages of 4 KiB the write-ahead log takes before they are folded into the file. The rows of one
// step lie all over the file, a page a series: a long log folds many steps' writes of a page into one.
const walPages = 16384

// SQLite is the version of the SQLite library that is built in.
func SQLite() string {
	version, _, _ := sqlite3.Version()
	return version
}

// readers is the most connections of a handle that reads.
func readers() int { return max(4, runtime.NumCPU()) }

// DB is a database. It may be shared between goroutines. A handle that writes is one connection, on which they take
// turns; one that only reads is a pool, whose readers do not wait for each other. Processes that write into one
// database each open their own.
type DB struct {
	path    string
	reading string // how a handle that only reads opens each connection; "" where it writes
	sql     *sql.DB
	// writing is the provenance under which this handle writes each run that it has put.
	writing map[string]int64
	mutex   sync.Mutex // guards writing
}

// Open opens the database for writing, makes it if the file is missing or empty, and brings its schema up to date.
// A file that is no database of Outcrop, or a damaged one, is ErrCorrupt; one from a newer Outcrop is ErrNewer and
// stays as it is. The folder must exist.
func Open(path string) (*DB, error) {
	db, err := connect(path, "mode=rwc")
	if err != nil {
		return nil, fault("opening", path, err)
	}
	if err := db.prepare(); err != nil {
		_ = db.sql.Close()
		return nil, fault("opening", path, err)
	}
	return db, nil
}

// OpenExisting is Open for a database that is there: a missing one is ErrMissing, and none is made.
func OpenExisting(path string) (*DB, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fault("opening", path, missing(err))
	}
	return Open(path)
}

// OpenReadOnly opens an existing database for reading, also while others write into it. In a folder that cannot be
// written it is read as it lies, provided that no writer left unmerged pages beside it. A database of an older schema
// is brought up to date first, and what a killed writer left half-written is rolled back, where it can be written. An
// empty file is ErrCorrupt; a missing one is ErrMissing.
func OpenReadOnly(path string) (*DB, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fault("opening", path, missing(err))
	}
	db, err := openReading(path, readModes[0])
	if unwritable(path, err) {
		db, err = openReading(path, readModes[1])
	}
	if errors.Is(err, errOlder) || halfWritten(err) {
		writing, opening := Open(path)
		if opening != nil {
			return nil, fault("opening", path, fmt.Errorf("%w, which cannot be mended: %w", err, opening))
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

// errOlder is wrapped where a database has an older schema.
var errOlder = errors.New("it has an older schema")

// Close ends the connection. The last writer's close folds the write-ahead log into the file.
func (db *DB) Close() error { return fault("closing", db.path, db.sql.Close()) }

// Path is the file's path as it was given.
func (db *DB) Path() string { return db.path }

// Check reads the whole database and returns ErrCorrupt, with the first fault found, if it is damaged.
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
		return fault("checking", db.path, fmt.Errorf("%w: a row of table %s refers to none", ErrCorrupt, table))
	default:
		return fault("checking", db.path, err)
	}
}

func connect(path, mode string) (*DB, error) {
	// Settings of the path hold on each connection of the pool.
	dsn := fmt.Sprintf("%s?%s&_busy_timeout=%d&_txlock=immediate&_synchronous=NORMAL&_foreign_keys=on"+
		"&_cache_size=-65536&_stmt_cache_size=16", uri(path), mode, busyTimeout)
	pool, err := sql.Open("sqlite3", dsn)
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(1) // what is attached or prepared on it stays with it
	return &DB{path: path, sql: pool, writing: map[string]int64{}}, nil
}

// uri escapes what SQLite and its driver would read as the end of the path.
func uri(path string) string {
	return "file:" + strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path)
}

// prepare checks the version before anything is written, then sets the write-ahead log and migrates. Processes that
// open a new database at once can find it locked whatever the busy timeout; they try again.
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

// openReading opens a pool of connections that only read. None is closed before the handle is: the write-ahead log of
// writers that end meanwhile stays where it is.
func openReading(path, mode string) (*DB, error) {
	db, err := connect(path, mode+"&_query_only=on")
	if err != nil {
		return nil, err
	}
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
		return fmt.Errorf("%w: it is empty", ErrCorrupt)
	}
	if v < len(migrations) {
		return fmt.Errorf("%w, version %d before %d", errOlder, v, len(migrations))
	}
	return nil
}

// leftover reports whether a writer left pages beside the database.
func leftover(path string) bool {
	info, err := os.Stat(path + "-wal")
	return err == nil && info.Size() > 0
}

// missing says of a file's absence what makes it.
func missing(err error) error {
	if os.IsNotExist(err) {
		return ErrMissing
	}
	return err
}

// write does work in one transaction.
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
