package store

import "database/sql"

// Conflict is a second, different value stored under the same key and the same provenance as the first value. It shows
// that the run is not deterministic. Either value may be NaN.
type Conflict struct {
	Run, Site, Statistic   string
	Layer, Head, Idx, Step int
	Kept, Other            float64
}

// Difference is a provenance, other than a run's first, under which the run was stored again. Rows is the number of
// values with this provenance that differ from the values stored first.
type Difference struct {
	Run                                string
	Commit, GoVersion, KernelPath, CPU string
	Rows                               int
}

// Conflicts lists all conflicts, ordered by run, site, statistic, layer, head, idx, step and the other value.
func (db *DB) Conflicts() (conflicts []Conflict, err error) {
	query := `SELECT run, site, statistic, layer, head, idx, step, kept, other FROM conflicts
		ORDER BY run, site, statistic, layer, head, idx, step, other`
	err = db.read("reading conflicts", query, nil, func(rows *sql.Rows) error {
		var c Conflict
		var kept, other sql.NullFloat64
		if err := rows.Scan(&c.Run, &c.Site, &c.Statistic, &c.Layer, &c.Head, &c.Idx, &c.Step, &kept, &other); err != nil {
			return err
		}
		c.Kept, c.Other = orNaN(kept), orNaN(other)
		conflicts = append(conflicts, c)
		return nil
	})
	return conflicts, err
}

// Differences lists, for every run, each provenance other than its first, ordered by run and provenance. A provenance
// is listed even if none of its values differ.
func (db *DB) Differences() (differences []Difference, err error) {
	query := `SELECT run, git_commit, go_version, kernel_path, cpu, differing FROM differences
		ORDER BY run, git_commit, go_version, kernel_path, cpu`
	err = db.read("reading differences", query, nil, func(rows *sql.Rows) error {
		var d Difference
		if err := rows.Scan(&d.Run, &d.Commit, &d.GoVersion, &d.KernelPath, &d.CPU, &d.Rows); err != nil {
			return err
		}
		differences = append(differences, d)
		return nil
	})
	return differences, err
}
