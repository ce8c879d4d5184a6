package store

import (
	"database/sql"
	"math"
)

// Select says what to read. A field that is "" or nil does not restrict the selection.
type Select struct {
	Run, Site, Statistic string
	Layer, Head          *int
}

// Series holds the values of one statistic at one site, layer, head and idx of a run. Values[i] was measured after
// Steps[i] updates. A value may be NaN.
type Series struct {
	Run, Site, Statistic string
	Layer, Head, Idx     int
	Steps                []int
	Values               []float64
}

// Series returns the selected series, ordered by run, site, statistic, layer, head and idx. The values of each series
// are ordered by step.
func (db *DB) Series(s Select) (all []Series, err error) {
	where, args := s.where()
	// The joins are loops in the order of the key, as in Statistics. There may be very many rows, so they carry only ids
	// and are read without Scan's conversions.
	query := `SELECT t.run, t.site, t.statistic, t.layer, t.head, t.idx, t.step, t.value
		FROM runs r CROSS JOIN names a CROSS JOIN names b CROSS JOIN stats t
			ON t.run = r.id AND t.site = a.id AND t.statistic = b.id` + where +
		" ORDER BY r.hash, a.name, b.name, t.layer, t.head, t.idx, t.step"
	var ids [][3]int64 // run, site and statistic of each series
	var last [6]int64
	var cells [8]any
	to := make([]any, len(cells))
	for i := range cells {
		to[i] = &cells[i]
	}
	err = db.read("reading series", query, args, func(rows *sql.Rows) error {
		if err := rows.Scan(to...); err != nil {
			return err
		}
		var key [6]int64
		for i := range key {
			key[i], _ = cells[i].(int64) // the schema is STRICT
		}
		if len(all) == 0 || key != last {
			last, ids = key, append(ids, [3]int64(key[:3]))
			all = append(all, Series{Layer: int(key[3]), Head: int(key[4]), Idx: int(key[5])})
		}
		step, _ := cells[6].(int64)
		value, ok := cells[7].(float64)
		if !ok {
			value = math.NaN()
		}
		one := &all[len(all)-1]
		one.Steps = append(one.Steps, int(step))
		one.Values = append(one.Values, value)
		return nil
	})
	if err != nil || len(all) == 0 {
		return nil, err
	}
	hashes, err := db.texts("SELECT id, hash FROM runs")
	if err != nil {
		return nil, err
	}
	names, err := db.texts("SELECT id, name FROM names")
	if err != nil {
		return nil, err
	}
	for i, id := range ids {
		all[i].Run, all[i].Site, all[i].Statistic = hashes[id[0]], names[id[1]], names[id[2]]
	}
	return all, nil
}

// texts returns the texts that ids stand for. An id is never reused for another text.
func (db *DB) texts(query string) (map[int64]string, error) {
	texts := map[int64]string{}
	err := db.read("reading names", query, nil, func(rows *sql.Rows) error {
		var id int64
		var text string
		err := rows.Scan(&id, &text)
		texts[id] = text
		return err
	})
	return texts, err
}

// where returns the clause that restricts a table t joined with runs r and the names a (site) and b (statistic).
func (s Select) where() (clause string, args []any) {
	clause = " WHERE true"
	for _, c := range []struct {
		column, value string
	}{{"r.hash", s.Run}, {"a.name", s.Site}, {"b.name", s.Statistic}} {
		if c.value != "" {
			clause += " AND " + c.column + " = ?"
			args = append(args, c.value)
		}
	}
	if s.Layer != nil {
		clause += " AND t.layer = ?"
		args = append(args, *s.Layer)
	}
	if s.Head != nil {
		clause += " AND t.head = ?"
		args = append(args, *s.Head)
	}
	return clause, args
}

// Metric returns the steps and values of one metric of a run, such as its loss, ordered by step. Both are nil if the
// run has not measured the metric.
func (db *DB) Metric(run, name string) (steps []int, values []float64, err error) {
	series, err := db.Series(Select{Run: run, Site: "run", Statistic: name})
	if err != nil || len(series) == 0 {
		return nil, nil, err
	}
	return series[0].Steps, series[0].Values, nil
}
