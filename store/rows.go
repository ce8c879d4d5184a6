package store

import (
	"database/sql"
	"fmt"
	"math"
)

// Row is one number that a run measured at a step. Layer, Head and Idx are -1 if they do not apply. Value may be NaN,
// which is stored as NULL.
type Row struct {
	Site, Statistic  string
	Layer, Head, Idx int
	Value            float64
}

// PutRows stores the rows that a run measured after the given step. If it fails, it stores none of them. The first
// value stored under a key is kept; a different value is stored beside it as a conflict or a difference. The run must
// be stored.
func (db *DB) PutRows(run string, step int, rows []Row) error {
	return db.bulk(fmt.Sprintf("putting rows of run %s at step %d", run, step), func(conn *sql.Conn, tx *sql.Tx) error {
		id, provenance, err := runID(tx, run)
		if err != nil {
			return err
		}
		db.mutex.Lock()
		if own, ok := db.writing[run]; ok {
			provenance = own
		}
		db.mutex.Unlock()
		names, err := nameIDs(tx, rows)
		if err != nil {
			return err
		}
		known, err := insertRows(conn, id, step, names, rows)
		if err != nil || len(known) == 0 {
			return err
		}
		return compareRows(tx, id, step, provenance, names, known)
	})
}

func runID(tx *sql.Tx, run string) (id, provenance int64, err error) {
	err = tx.QueryRow("SELECT id, provenance FROM runs WHERE hash = ?", run).Scan(&id, &provenance)
	if err == sql.ErrNoRows {
		err = errUnknownRun
	}
	return id, provenance, err
}

// nameIDs maps the names of the rows' sites and statistics to their ids.
func nameIDs(tx *sql.Tx, rows []Row) (map[string]int64, error) {
	names := map[string]int64{}
	for i := range rows {
		for _, name := range [...]string{rows[i].Site, rows[i].Statistic} {
			if _, ok := names[name]; ok {
				continue
			}
			id, err := nameID(tx, name)
			if err != nil {
				return nil, err
			}
			names[name] = id
		}
	}
	return names, nil
}

// nameID returns the id of the name of a site or statistic. It stores a new name.
func nameID(tx *sql.Tx, name string) (id int64, err error) {
	err = tx.QueryRow("SELECT id FROM names WHERE name = ?", name).Scan(&id)
	if err == sql.ErrNoRows {
		err = tx.QueryRow("INSERT INTO names (name) VALUES (?) RETURNING id", name).Scan(&id)
	}
	return id, err
}

// compareRows stores the rows whose value differs from the one that stayed as disagreements.
func compareRows(tx *sql.Tx, run int64, step int, provenance int64, names map[string]int64, rows []Row) error {
	note, err := tx.Prepare(`INSERT INTO disagreements (run, step, site, statistic, layer, head, idx, value, provenance)
		SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 FROM stats WHERE run = ?1 AND step = ?2 AND site = ?3 AND statistic = ?4
			AND layer = ?5 AND head = ?6 AND idx = ?7 AND value IS NOT ?8
		ON CONFLICT DO NOTHING`)
	if err != nil {
		return err
	}
	defer func() { _ = note.Close() }()
	for _, row := range rows {
		if _, err := note.Exec(run, step, names[row.Site], names[row.Statistic], row.Layer, row.Head, row.Idx,
			nullable(row.Value), provenance); err != nil {
			return err
		}
	}
	return nil
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
