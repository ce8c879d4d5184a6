package store

import (
	"database/sql"
	"strings"
)

// Last is the value of a statistic at the last step that a run measured it. Value may be NaN.
type Last struct {
	Run, Statistic string
	Step           int
	Value          float64
}

// LastMetrics lists the newest value of each metric of a run (its site `run`: loss, grad_norm, lr …), by run and name.
// It takes all runs if run is "", and all metrics if none is named.
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

// LastTimings lists the newest clock value with that name, by run. It takes all runs if run is "".
func (db *DB) LastTimings(run, name string) (all []Last, err error) {
	query := `SELECT r.hash, t.name, t.step, t.value FROM runs r CROSS JOIN timings t
		ON t.run = r.id AND t.name = ?2 AND t.step = (SELECT max(step) FROM timings WHERE run = r.id AND name = ?2)
		WHERE ?1 = '' OR r.hash = ?1 ORDER BY r.hash`
	err = db.read("reading the last timings", query, []any{run, name}, scanLast(&all))
	return all, err
}

// Measured lists the statistics that a run has measured, as SITE/STATISTIC.
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

// Starts counts how often a worker has started each run, from the runs' events.
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
