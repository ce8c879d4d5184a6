package store

import (
	"database/sql"
	"strings"
)

// Last is the value of a statistic, or of a timing, at the last step at which the run measured it. Value may be NaN.
type Last struct {
	Run, Statistic string
	Step           int
	Value          float64
}

// LastMetrics lists the latest value of each metric, ordered by run and metric. A metric is a statistic of the whole
// run, measured at the site `run`, such as loss, grad_norm or lr. LastMetrics reads all runs if run is "", and all
// metrics if no metrics are given.
func (db *DB) LastMetrics(run string, metrics ...string) (all []Last, err error) {
	where, args := Select{Run: run, Site: "run"}.where()
	if len(metrics) > 0 {
		where += " AND b.name IN (?" + strings.Repeat(", ?", len(metrics)-1) + ")"
		for _, name := range metrics {
			args = append(args, name)
		}
	}
	// Two searches of the primary key for each run and name, however many rows there are.
	query := `SELECT r.hash, b.name, t.step, t.value FROM names a CROSS JOIN runs r CROSS JOIN names b CROSS JOIN stats t
		ON t.run = r.id AND t.site = a.id AND t.statistic = b.id AND t.layer = -1 AND t.head = -1 AND t.idx = -1
			AND t.step = (SELECT max(step) FROM stats WHERE run = r.id AND site = a.id AND statistic = b.id
				AND layer = -1 AND head = -1 AND idx = -1)` + where + " ORDER BY r.hash, b.name"
	err = db.read("reading the last metrics", query, args, scanLast(&all))
	return all, err
}

// LastTimings lists the latest timing called name of a run, or of each run if run is "". The list is ordered by run.
func (db *DB) LastTimings(run, name string) (all []Last, err error) {
	query := `SELECT r.hash, t.name, t.step, t.value FROM runs r CROSS JOIN timings t
		ON t.run = r.id AND t.name = ?2 AND t.step = (SELECT max(step) FROM timings WHERE run = r.id AND name = ?2)
		WHERE ?1 = '' OR r.hash = ?1 ORDER BY r.hash`
	err = db.read("reading the last timings", query, []any{run, name}, scanLast(&all))
	return all, err
}

// Measured lists what a run has measured, in the form SITE/STATISTIC, ordered by site and statistic.
func (db *DB) Measured(run string) (names []string, err error) {
	query := `SELECT a.name || '/' || b.name FROM runs r CROSS JOIN names a CROSS JOIN names b
		WHERE r.hash = ? AND EXISTS (SELECT 1 FROM stats WHERE run = r.id AND site = a.id AND statistic = b.id)
		ORDER BY a.name, b.name`
	err = db.read("reading what was measured", query, []any{run}, func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		names = append(names, name)
		return err
	})
	return names, err
}

// Starts returns how many times a worker has started each run, according to the stored events.
func (db *DB) Starts() (map[string]int, error) {
	starts := map[string]int{}
	err := db.read("counting starts", "SELECT run, count(*) FROM events WHERE status = ? GROUP BY run", []any{Running},
		func(rows *sql.Rows) error {
			var run string
			var n int
			err := rows.Scan(&run, &n)
			starts[run] = n
			return err
		})
	return starts, err
}

func scanLast(to *[]Last) func(rows *sql.Rows) error {
	return func(rows *sql.Rows) error {
		var l Last
		var value sql.NullFloat64
		if err := rows.Scan(&l.Run, &l.Statistic, &l.Step, &value); err != nil {
			return err
		}
		l.Value = orNaN(value)
		*to = append(*to, l)
		return nil
	}
}
