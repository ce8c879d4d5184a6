package store

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
)

// RunStatus is the stored status of a run, the step that the run has reached, and its stored setting probe.every, in
// JSON; Every is "" if the configuration has none.
type RunStatus struct {
	Status string
	Step   int
	Every  string
}

// RunStatuses maps the id of every run to its stored status.
func (db *DB) RunStatuses() (map[string]RunStatus, error) {
	statuses := map[string]RunStatus{}
	err := db.read("reading the statuses of runs", `
		SELECT hash, status, step,
			iif(json_valid(config), coalesce(json_extract(config, '$.probe.every'), ''), '') FROM runs`, nil,
		func(rows *sql.Rows) error {
			var id string
			var s RunStatus
			err := rows.Scan(&id, &s.Status, &s.Step, &s.Every)
			statuses[id] = s
			return err
		})
	return statuses, err
}

// Uncovered returns those of the given runs that may lack rows. Each pair names a site and a statistic, and the steps
// must be in ascending order. For each pair, Uncovered checks one series of every run. It omits a run from the result
// only if each of these series has rows at exactly the given steps. If usual is set, a run may also have no rows of a
// pair at all, unless it is the last pair.
//
// The first series of a pair that is found in any of the runs decides which layer, head and idx are checked, so all
// runs should measure the same series. Uncovered is far faster than reading the series of many runs.
func (db *DB) Uncovered(
	runs []string, pairs [][2]string, steps []int, usual bool,
) (lacking map[string]bool, err error) {
	lacking = make(map[string]bool, len(runs))
	for _, r := range runs {
		lacking[r] = true
	}
	names, err := json.Marshal(pairs)
	if err != nil {
		return nil, err
	}
	ids, err := json.Marshal(runs)
	if err != nil {
		return nil, err
	}
	wanted := strings.ReplaceAll(strings.Trim(fmt.Sprint(steps), "[]"), " ", ",")
	// Runs of one kind have the same series, so any run that has the pair shows the place of the first series.
	first := func(column string) string {
		return `(SELECT f.` + column + ` FROM json_each(?2) h JOIN runs q ON q.hash = h.value CROSS JOIN stats f
			ON f.run = q.id AND f.site = a.id AND f.statistic = b.id LIMIT 1) AS ` + column
	}
	query := `
		WITH pair AS MATERIALIZED (
			SELECT j.key AS place, a.id AS site, b.id AS statistic,
				` + first("layer") + "," + first("head") + "," + first("idx") + `
			FROM json_each(?1) j
			JOIN names a ON a.name = j.value ->> 0 JOIN names b ON b.name = j.value ->> 1)
		SELECT j.value FROM json_each(?2) j JOIN runs r ON r.hash = j.value
		WHERE (SELECT count(*) FROM pair WHERE NOT ?5 OR place = ?3 - 1) = CASE WHEN ?5 THEN 1 ELSE ?3 END
			AND NOT EXISTS (
				SELECT 1 FROM pair p WHERE ?4 IS NOT coalesce((
					SELECT group_concat(t.step) FROM stats t
					WHERE t.run = r.id AND t.site = p.site AND t.statistic = p.statistic
						AND t.layer = p.layer AND t.head = p.head AND t.idx = p.idx),
					CASE WHEN ?5 AND place < ?3 - 1 THEN ?4 END))`
	err = db.read("reading which steps are measured", query, []any{string(names), string(ids), len(pairs), wanted, usual},
		func(rows *sql.Rows) error {
			var id string
			err := rows.Scan(&id)
			delete(lacking, id)
			return err
		})
	return lacking, err
}
