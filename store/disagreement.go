package store

import "database/sql"

// Conflict is a second, different value of a key under the same provenance as the first: the run is not deterministic.
// Either value may be NaN.
type Conflict struct {
	Run, Site, Statistic   string
	Layer, Head, Idx, Step int
	Kept, Other            float64
}

// Difference is a later provenance of a run, with the number of its values that differ from the first ones.
type Difference struct {
	Run                                string
	Commit, GoVersion, KernelPath, CPU string
	Rows                               int
}

// Conflicts lists all conflicts, by run, site, statistic, layer, head, idx, step and other value.
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

// Differences lists the later provenances of all runs, by run and provenance. It includes those whose values are all
// equal.
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
