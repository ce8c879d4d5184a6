package store

import (
	"database/sql"
	"fmt"
)

// Timing is a value of a run that depends on the clock, such as its tokens per second. Timings are not part of the
// run's result.
type Timing struct {
	Run   string
	Step  int
	Name  string
	Value float64
}

// PutTiming stores a timing. If the run already has a timing with this name and step, PutTiming keeps the existing
// value. The run must be stored.
func (db *DB) PutTiming(run string, step int, name string, value float64) error {
	return db.write(fmt.Sprintf("putting a timing of run %s at step %d", run, step), func(tx *sql.Tx) error {
		id, _, err := runID(tx, run)
		if err != nil {
			return err
		}
		_, err = tx.Exec("INSERT INTO timings (run, step, name, value) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
			id, step, name, nullable(value))
		return err
	})
}

// Timings lists the timings of a run, or of all runs if run is "", ordered by run, name and step.
func (db *DB) Timings(run string) (timings []Timing, err error) {
	query := `SELECT r.hash, t.step, t.name, t.value FROM timings t JOIN runs r ON r.id = t.run
		WHERE ?1 = '' OR r.hash = ?1 ORDER BY r.hash, t.name, t.step`
	err = db.read("reading timings", query, []any{run}, func(rows *sql.Rows) error {
		var t Timing
		var value sql.NullFloat64
		if err := rows.Scan(&t.Run, &t.Step, &t.Name, &value); err != nil {
			return err
		}
		t.Value = orNaN(value)
		timings = append(timings, t)
		return nil
	})
	return timings, err
}
