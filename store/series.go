package store

import "database/sql"

// Select names what to read; empty fields and nil pointers take all.
type Select struct {
	Run, Site, Statistic string
	Layer, Head          *int
}

// Series is one statistic of one place over the steps. Values[i] was measured after Steps[i] updates; NaN stands for
// a value that was not a number.
type Series struct {
	Run, Site, Statistic string
	Layer, Head, Idx     int
	Steps                []int
	Values               []float64
}

// Series reads curves, ordered by run, site, statistic, layer, head and idx, each by step.
func (db *DB) Series(s Select) (all []Series, err error) {
	where, args := s.where()
	query := "SELECT r.hash, a.name, b.name, t.layer, t.head, t.idx, t.step, t.value FROM stats t" + where +
		" ORDER BY r.hash, a.name, b.name, t.layer, t.head, t.idx, t.step"
	err = db.read("reading series", query, args, func(rows *sql.Rows) error {
		var at Series
		var step int
		var value sql.NullFloat64
		if err := rows.Scan(&at.Run, &at.Site, &at.Statistic, &at.Layer, &at.Head, &at.Idx, &step, &value); err != nil {
			return err
		}
		if len(all) == 0 || !all[len(all)-1].same(at) {
			all = append(all, at)
		}
		last := &all[len(all)-1]
		last.Steps = append(last.Steps, step)
		last.Values = append(last.Values, orNaN(value))
		return nil
	})
	return all, err
}

// where joins runs r and the names a (site) and b (statistic) to a table t, and restricts them.
func (s Select) where() (clause string, args []any) {
	clause = " JOIN runs r ON r.id = t.run JOIN names a ON a.id = t.site JOIN names b ON b.id = t.statistic WHERE true"
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

func (s *Series) same(o Series) bool {
	return s.Run == o.Run && s.Site == o.Site && s.Statistic == o.Statistic &&
		s.Layer == o.Layer && s.Head == o.Head && s.Idx == o.Idx
}
