package store

import (
	"database/sql"
	"time"
)

// Event is a change in a run's life, as recorded by its coordinator. Message is "" if Status needs no explanation.
type Event struct {
	Run     string
	At      time.Time // to the microsecond
	Status  string
	Step    int
	Message string
}

// PutEvent stores an event. The run of the event need not be stored.
func (db *DB) PutEvent(e Event) error {
	return db.write("putting an event of run "+e.Run, func(tx *sql.Tx) error { return putEvent(tx, e) })
}

func putEvent(tx *sql.Tx, e Event) error {
	_, err := tx.Exec("INSERT INTO events (run, at, status, step, message) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
		e.Run, e.At.UnixMicro(), e.Status, e.Step, e.Message)
	return err
}

// Events lists the events of a run, or of all runs if run is "", ordered by run and time.
func (db *DB) Events(run string) (events []Event, err error) {
	query := "SELECT run, at, status, step, message FROM events WHERE ?1 = '' OR run = ?1 ORDER BY run, at, status, step"
	err = db.read("reading events", query, []any{run}, func(rows *sql.Rows) error {
		var e Event
		var at int64
		if err := rows.Scan(&e.Run, &at, &e.Status, &e.Step, &e.Message); err != nil {
			return err
		}
		e.At = time.UnixMicro(at)
		events = append(events, e)
		return nil
	})
	return events, err
}
