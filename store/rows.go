package store

import (
	"database/sql"
	"fmt"
	"math"
)

// Row is one measured number of a run at a step. Layer, Head and Idx are -1 where they do not apply. Value may be
// NaN, which is stored as NULL.
type Row struct {
	Site, Statistic  string
	Layer, Head, Idx int
	Value            float64
}

// PutRows stores what a run measured after that many steps, all or nothing. The first value of a key stays; another
// one is kept beside it, as a conflict or a difference. The run must be there.
func (db *DB) PutRows(run string, step int, rows []Row) error {
	return db.write(fmt.Sprintf("putting rows of run %s at step %d", run, step), func(tx *sql.Tx) error {
		id, provenance, err := runID(tx, run)
		if err != nil {
			return err
		}
		db.mutex.Lock()
		if own, ok := db.writing[run]; ok {
			provenance = own
		}
		db.mutex.Unlock()
		w, err := newRowWriter(tx, id, step, provenance)
		if err != nil {
			return err
		}
		defer w.close()
		for _, row := range rows {
			if err := w.put(row); err != nil {
				return err
			}
		}
		return nil
	})
}

func runID(tx *sql.Tx, run string) (id, provenance int64, err error) {
	err = tx.QueryRow("SELECT id, provenance FROM runs WHERE hash = ?", run).Scan(&id, &provenance)
	if err == sql.ErrNoRows {
		err = errUnknownRun
	}
	return id, provenance, err
}

// rowWriter holds what PutRows prepares once.
type rowWriter struct {
	tx                 *sql.Tx
	run, provenance    int64
	step               int
	names              map[string]int64
	insert, kept, note *sql.Stmt
}

func newRowWriter(tx *sql.Tx, run int64, step int, provenance int64) (*rowWriter, error) {
	w := &rowWriter{tx: tx, run: run, provenance: provenance, step: step, names: map[string]int64{}}
	for _, s := range []struct {
		to   **sql.Stmt
		text string
	}{
		{&w.insert, `INSERT INTO stats (run, site, statistic, layer, head, idx, step, value) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT DO NOTHING`},
		{&w.kept, `SELECT value FROM stats WHERE run = ? AND site = ? AND statistic = ? AND layer = ? AND head = ?
			AND idx = ? AND step = ?`},
		{&w.note, `INSERT INTO disagreements (run, site, statistic, layer, head, idx, step, value, provenance)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`},
	} {
		stmt, err := tx.Prepare(s.text)
		if err != nil {
			w.close()
			return nil, err
		}
		*s.to = stmt
	}
	return w, nil
}

func (w *rowWriter) close() {
	for _, s := range []*sql.Stmt{w.insert, w.kept, w.note} {
		if s != nil {
			_ = s.Close()
		}
	}
}

func (w *rowWriter) put(row Row) error {
	site, err := w.name(row.Site)
	if err != nil {
		return err
	}
	statistic, err := w.name(row.Statistic)
	if err != nil {
		return err
	}
	key := []any{w.run, site, statistic, row.Layer, row.Head, row.Idx, w.step}
	value := nullable(row.Value)
	result, err := w.insert.Exec(append(key, value)...)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 1 {
		return err
	}
	var kept sql.NullFloat64
	if err := w.kept.QueryRow(key...).Scan(&kept); err != nil {
		return err
	}
	if kept == value {
		return nil
	}
	_, err = w.note.Exec(append(key, value, w.provenance)...)
	return err
}

// name returns the id of a site's or statistic's name, which it stores if it is new.
func (w *rowWriter) name(name string) (int64, error) {
	if id, ok := w.names[name]; ok {
		return id, nil
	}
	id, err := nameID(w.tx, name)
	if err == nil {
		w.names[name] = id
	}
	return id, err
}

func nameID(tx *sql.Tx, name string) (id int64, err error) {
	if _, err := tx.Exec("INSERT INTO names (name) VALUES (?) ON CONFLICT DO NOTHING", name); err != nil {
		return 0, err
	}
	err = tx.QueryRow("SELECT id FROM names WHERE name = ?", name).Scan(&id)
	return id, err
}

func nullable(x float64) sql.NullFloat64 {
	if math.IsNaN(x) {
		return sql.NullFloat64{}
	}
	return sql.NullFloat64{Float64: x, Valid: true}
}

func orNaN(x sql.NullFloat64) float64 {
	if !x.Valid {
		return math.NaN()
	}
	return x.Float64
}
