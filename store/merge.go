package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/mattn/go-sqlite3"
)

// MergeResult counts what a merge added: runs, measured rows, timings, conflicts and differences.
type MergeResult struct {
	Runs, Rows, Timings, Conflicts, Differences int
}

// Merge adds the content of another database, a shard, in one transaction. It adds either everything or nothing, and
// merging the same content again adds nothing. The shard may still be written to, or a killed writer may have left it:
// Merge takes the committed rows. An empty shard adds nothing.
//
// Merge takes the status and step of a run from the shard unless db has the run at a later step. It adds a sweep only
// if db has no sweep of the same name, and the fits of a series only if db has no fits of that series. It adds a
// timing, a snapshot, a token's label, a claim or an event only if db has none with the same key. It does not merge
// leases.
//
// Merge does not migrate a shard that has an older schema. It returns ErrMissing if the shard is missing, ErrNewer if a
// newer Outcrop wrote the shard, and ErrCorrupt if the shard is damaged. A shard also counts as damaged if its pages
// are readable but its rows break a rule: for example, a row refers to a missing row, or a step is negative.
func (db *DB) Merge(shardPath string) (MergeResult, error) {
	result, _, err := db.MergeFrom(shardPath, 0)
	return result, err
}

// MergeFrom is like Merge, but it leaves out the measured rows of all steps before the given step. It is for a shard
// that is still growing, whose earlier rows a previous merge has added. MergeFrom also returns the last step of the
// measured rows that it did not leave out, or 0 if there are no such rows.
func (db *DB) MergeFrom(shardPath string, from int) (result MergeResult, last int, err error) {
	return db.merge(shardPath, merging{from: from})
}

// MergeEqual is like Merge, but same maps ids of the shard's runs to the ids under which db has the same runs. Their
// rows are added to the runs of db, which keep their ids. No id of the shard's may be db's too, and no two may stand
// for one run.
func (db *DB) MergeEqual(shardPath string, same map[string]string) (MergeResult, error) {
	result, _, err := db.merge(shardPath, merging{same: same})
	return result, err
}

func (db *DB) merge(shardPath string, m merging) (result MergeResult, last int, err error) {
	for _, mode := range readModes {
		if result, last, err = db.mergeAs(shardPath, mode, m); err == nil || !unwritable(shardPath, err) {
			break
		}
	}
	if halfWritten(err) { // a connection that may write rolls it back
		result, last, err = db.mergeAs(shardPath, "mode=rw", m)
	}
	return result, last, err
}

func (db *DB) mergeAs(shardPath, mode string, m merging) (result MergeResult, last int, err error) {
	var none MergeResult
	if err := present(shardPath); err != nil {
		return none, 0, fault("merging", shardPath, err)
	}
	ctx := context.Background()
	conn, err := db.sql.Conn(ctx)
	if err != nil {
		return none, 0, fault("merging into", db.path, err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.ExecContext(ctx, "ATTACH ? AS shard", uri(shardPath)+"?"+mode); err != nil {
		return none, 0, fault("merging", shardPath, err)
	}
	m.file = db.shardName(shardPath)
	err = m.attached(ctx, conn)
	if _, e := conn.ExecContext(ctx, "DETACH shard"); e != nil {
		err = errors.Join(err, e)
	}
	if err != nil {
		_ = conn.Close() // the check of the fault needs the one connection
		return none, 0, db.mergeFault(shardPath, err)
	}
	return m.MergeResult, m.last, nil
}

// merging is one merge: what it has added, and the first and last step that it looks at.
type merging struct {
	MergeResult
	file       string // the shard's name in this database
	from, last int
	same       map[string]string // from the shard's id of a run to ours
}

// rename gives our runs the shard's ids while their rows are merged by them or, if back is true, their own again.
func (m *merging) rename(tx *sql.Tx, back bool) error {
	for id, had := range m.same {
		if back {
			id, had = had, id
		}
		for _, query := range []string{"UPDATE main.runs SET hash = ? WHERE hash = ?",
			"UPDATE OR REPLACE main.members SET run = ? WHERE run = ?",
			"UPDATE OR REPLACE main.events SET run = ? WHERE run = ?",
		} {
			if _, err := tx.Exec(query, id, had); err != nil {
				return err
			}
		}
	}
	return nil
}

// mergeFault names the one of the two files that is at fault.
func (db *DB) mergeFault(shardPath string, err error) error {
	if hasCode(err, sqlite3.ErrFull) || hasCode(err, sqlite3.ErrReadonly) || isBusy(err) {
		return fault("merging "+shardPath+" into", db.path, err)
	}
	if hasCode(err, sqlite3.ErrCorrupt) || hasCode(err, sqlite3.ErrIoErr) {
		if own := db.Check(); own != nil {
			return own
		}
	}
	return fault("merging", shardPath, err)
}

func (m *merging) attached(ctx context.Context, conn *sql.Conn) error {
	v, err := version(ctx, conn, "shard")
	if err != nil || v == blank {
		return err
	}
	return unparented(ctx, conn, func() error {
		tx, err := conn.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }()
		// As Faults checks the results, so that a merge adds no fault, and drops no row that refers to a missing row.
		if err := sound(tx, "shard", v); err != nil {
			return err
		}
		if err := m.rename(tx, false); err != nil {
			return err
		}
		for _, step := range mergeSteps {
			if v < step.since {
				continue
			}
			if err := step.bring(tx, m); err != nil {
				return err
			}
		}
		if err := m.rename(tx, true); err != nil {
			return err
		}
		if err := putShard(ctx, tx, m.file, m.Rows); err != nil {
			return err
		}
		return tx.Commit()
	})
}

// provenances pairs the shard's ids with ours. Like the steps that merge names, provenances and runs, it reads the
// shard's tables without their indexes, because a damaged index may contradict the rows that others refer to.
const provenances = `provenance AS (
	SELECT sp.id AS old, p.id AS new FROM shard.provenances sp NOT INDEXED JOIN main.provenances p
		USING (git_commit, go_version, kernel_path, cpu)
)`

// mergeSteps are the steps of a merge, in order: runs come before the rows that refer to them, and members and arms
// before their sweeps, because they are taken only while their sweep is absent. A step needs schema version since of
// the shard.
var mergeSteps = []struct {
	since int
	bring func(tx *sql.Tx, m *merging) error
}{
	{1, brings(`INSERT INTO main.names (name) SELECT name FROM shard.names NOT INDEXED
		WHERE true ORDER BY name ON CONFLICT DO NOTHING`, nil)},
	{1, brings(`INSERT INTO main.provenances (git_commit, go_version, kernel_path, cpu)
		SELECT git_commit, go_version, kernel_path, cpu FROM shard.provenances NOT INDEXED
		WHERE true ORDER BY 1, 2, 3, 4 ON CONFLICT DO NOTHING`, nil)},
	{1, brings(`WITH `+provenances+`
		INSERT INTO main.runs (hash, config, data_digest, trainer_version, seed, device, precision, slices, steps, step,
			status, error, params, provenance)
		SELECT hash, config, data_digest, trainer_version, seed, device, precision, slices, steps, step,
			status, error, params, new
		FROM shard.runs NOT INDEXED JOIN provenance ON old = provenance
		WHERE true ORDER BY hash ON CONFLICT DO NOTHING`, func(r *MergeResult) *int { return &r.Runs })},
	{1, brings(`UPDATE main.runs SET step = s.step, status = s.status, error = s.error, params = s.params
		FROM shard.runs s NOT INDEXED WHERE s.hash = runs.hash AND s.step >= runs.step`, nil)},
	{1, brings(`WITH `+provenances+`
		INSERT INTO main.run_provenances (run, provenance)
		SELECT r.id, p.new FROM shard.run_provenances q
			JOIN shard.runs sr ON sr.id = q.run JOIN main.runs r ON r.hash = sr.hash
			JOIN provenance p ON p.old = q.provenance
		WHERE true ON CONFLICT DO NOTHING`, nil)},
	{1, mergeStats},
	{1, disagreed("p.new = r.provenance", func(r *MergeResult) *int { return &r.Conflicts })},
	{1, disagreed("p.new <> r.provenance", func(r *MergeResult) *int { return &r.Differences })},
	{1, brings(`INSERT INTO main.timings (run, step, name, value)
		SELECT r.id, t.step, t.name, t.value FROM shard.timings t
			JOIN shard.runs sr ON sr.id = t.run JOIN main.runs r ON r.hash = sr.hash
		WHERE true ON CONFLICT DO NOTHING`, func(r *MergeResult) *int { return &r.Timings })},
	{1, brings(`INSERT INTO main.members (sweep, arm, seed, run, position)
		SELECT sweep, arm, seed, run, position FROM shard.members
		WHERE sweep NOT IN (SELECT name FROM main.sweeps)`, nil)},
	{1, brings(`INSERT INTO main.arms (sweep, name, differs, position)
		SELECT sweep, name, differs, position FROM shard.arms
		WHERE sweep NOT IN (SELECT name FROM main.sweeps)`, nil)},
	{1, brings(`INSERT INTO main.sweeps (name, source) SELECT name, source FROM shard.sweeps
		WHERE name NOT IN (SELECT name FROM main.sweeps)`, nil)},
	{2, brings(`INSERT INTO main.fits (run, site, statistic, layer, head, idx, family, params, n,
			r2, adj_r2, aic, aicc, bic, rmse, t_peak, f_peak, regime, message, best,
			weight, peak_seen, rise_time, steady, condition, intervals, undetermined)
		SELECT r.id, a.id, b.id, t.layer, t.head, t.idx, t.family, t.params, t.n,
			t.r2, t.adj_r2, t.aic, t.aicc, t.bic, t.rmse, t.t_peak, t.f_peak, t.regime, t.message, t.best,
			t.weight, t.peak_seen, t.rise_time, t.steady, t.condition, t.intervals, t.undetermined
		FROM shard.fits t
			JOIN shard.runs sr ON sr.id = t.run JOIN main.runs r ON r.hash = sr.hash
			JOIN shard.names sa ON sa.id = t.site JOIN main.names a ON a.name = sa.name
			JOIN shard.names sb ON sb.id = t.statistic JOIN main.names b ON b.name = sb.name
		WHERE NOT EXISTS (SELECT 1 FROM main.fits f WHERE f.run = r.id AND f.site = a.id AND f.statistic = b.id
			AND f.layer = t.layer AND f.head = t.head AND f.idx = t.idx)`, nil)},
	// The fits of a version 1 shard: its missing columns take their defaults. Those of a later version are there by now.
	{1, brings(`INSERT INTO main.fits (run, site, statistic, layer, head, idx, family, params, n,
			r2, adj_r2, aic, aicc, bic, rmse, t_peak, f_peak, regime, message, best)
		SELECT r.id, a.id, b.id, t.layer, t.head, t.idx, t.family, t.params, t.n,
			t.r2, t.adj_r2, t.aic, t.aicc, t.bic, t.rmse, t.t_peak, t.f_peak, t.regime, t.message, t.best
		FROM shard.fits t
			JOIN shard.runs sr ON sr.id = t.run JOIN main.runs r ON r.hash = sr.hash
			JOIN shard.names sa ON sa.id = t.site JOIN main.names a ON a.name = sa.name
			JOIN shard.names sb ON sb.id = t.statistic JOIN main.names b ON b.name = sb.name
		WHERE NOT EXISTS (SELECT 1 FROM main.fits f WHERE f.run = r.id AND f.site = a.id AND f.statistic = b.id
			AND f.layer = t.layer AND f.head = t.head AND f.idx = t.idx)`, nil)},
	{3, brings(`INSERT INTO main.snapshot_files (run, step, site, layer, sequence, file, tensor)
		SELECT r.id, t.step, a.id, t.layer, t.sequence, t.file, t.tensor
		FROM shard.snapshot_files t
			JOIN shard.runs sr ON sr.id = t.run JOIN main.runs r ON r.hash = sr.hash
			JOIN shard.names sa ON sa.id = t.site JOIN main.names a ON a.name = sa.name
		WHERE true ON CONFLICT DO NOTHING`, nil)},
	{5, brings(`INSERT INTO main.token_labels (run, token, label)
		SELECT r.id, t.token, t.label FROM shard.token_labels t
			JOIN shard.runs sr ON sr.id = t.run JOIN main.runs r ON r.hash = sr.hash
		WHERE true ON CONFLICT DO NOTHING`, nil)},
	{4, brings(`INSERT INTO main.claims (sweep, name, source, statement, verdict, detail)
		SELECT sweep, name, source, statement, verdict, detail FROM shard.claims WHERE true ON CONFLICT DO NOTHING`, nil)},
	{4, brings(`INSERT INTO main.events (run, at, status, step, message)
		SELECT run, at, status, step, message FROM shard.events
		WHERE true ON CONFLICT DO NOTHING`, nil)},
}

// brings returns a step of one statement. count chooses the counter of the rows that it adds, nil for none.
func brings(text string, count func(*MergeResult) *int) func(tx *sql.Tx, m *merging) error {
	return func(tx *sql.Tx, m *merging) error {
		done, err := tx.Exec(text)
		if err != nil || count == nil {
			return err
		}
		n, err := done.RowsAffected()
		*count(&m.MergeResult) += int(n)
		return err
	}
}

// disagreed returns the step that adds the shard's own disagreements. which chooses them by their provenance.
func disagreed(which string, count func(*MergeResult) *int) func(tx *sql.Tx, m *merging) error {
	return brings(`WITH `+provenances+`
		INSERT INTO main.disagreements (run, step, site, statistic, layer, head, idx, value, provenance)
		SELECT r.id, t.step, a.id, b.id, t.layer, t.head, t.idx, t.value, p.new
		FROM shard.disagreements t
			JOIN shard.runs sr ON sr.id = t.run JOIN main.runs r ON r.hash = sr.hash
			JOIN provenance p ON p.old = t.provenance
			JOIN shard.names sa ON sa.id = t.site JOIN main.names a ON a.name = sa.name
			JOIN shard.names sb ON sb.id = t.statistic JOIN main.names b ON b.name = sb.name
			JOIN main.stats s ON s.run = r.id AND s.site = a.id AND s.statistic = b.id
				AND s.layer = t.layer AND s.head = t.head AND s.idx = t.idx AND s.step = t.step
		WHERE s.value IS NOT t.value AND `+which+` ON CONFLICT DO NOTHING`, count)
}

// group is all rows in a shard of one statistic at one site of a run, with the shard's ids and ours.
type group struct {
	theirs, ours   [3]int64 // run, site, statistic
	rows, last     int
	brought, first int64 // provenances of the shard's run and of ours
}

// mergeStats adds the measured rows of the steps from m.from on, one group at a time. So each group's rows come in the
// order of our key, and only groups that were partly there are compared.
func mergeStats(tx *sql.Tx, m *merging) error {
	groups, err := groupsOf(tx, m.from)
	if err != nil {
		return err
	}
	insert, err := tx.Prepare(`INSERT INTO main.stats (run, site, statistic, layer, head, idx, step, value)
		SELECT ?1, ?2, ?3, layer, head, idx, step, value FROM shard.stats
		WHERE run = ?4 AND site = ?5 AND statistic = ?6 AND step >= ?7
		ON CONFLICT DO NOTHING`)
	if err != nil {
		return err
	}
	defer func() { _ = insert.Close() }()
	for _, g := range groups {
		ids := []any{g.ours[0], g.ours[1], g.ours[2], g.theirs[0], g.theirs[1], g.theirs[2], m.from}
		inserted, err := affected(insert.Exec(ids...))
		if err != nil {
			return err
		}
		m.Rows += inserted
		m.last = max(m.last, g.last)
		if inserted == g.rows {
			continue
		}
		differing, err := affected(tx.Exec(`
			INSERT INTO main.disagreements (run, step, site, statistic, layer, head, idx, value, provenance)
			SELECT s.run, s.step, s.site, s.statistic, s.layer, s.head, s.idx, t.value, ?8
			FROM shard.stats t CROSS JOIN main.stats s ON s.run = ?1 AND s.site = ?2 AND s.statistic = ?3
				AND s.layer = t.layer AND s.head = t.head AND s.idx = t.idx AND s.step = t.step
			WHERE t.run = ?4 AND t.site = ?5 AND t.statistic = ?6 AND t.step >= ?7 AND s.value IS NOT t.value
			ON CONFLICT DO NOTHING`,
			append(ids, g.brought)...))
		if err != nil {
			return err
		}
		if g.brought == g.first {
			m.Conflicts += differing
		} else {
			m.Differences += differing
		}
	}
	return nil
}

// groupsOf lists the shard's groups that have rows at step from or later, in the order of our key. A group whose run is
// missing in the shard, or whose rows are out of range, is ErrCorrupt.
func groupsOf(tx *sql.Tx, from int) (groups []group, err error) {
	rows, err := tx.Query(`WITH `+provenances+`
		SELECT t.run, t.site, t.statistic, t.n, t.last, r.id, a.id, b.id, p.new, r.provenance, t.sound
		FROM (SELECT run, site, statistic, count(*) AS n, max(step) AS last,
				min(min(layer, head, idx, step - 1)) >= -1 AS sound
				FROM shard.stats WHERE step >= ?1 OR step < 0 GROUP BY run, site, statistic) t
			LEFT JOIN shard.runs sr ON sr.id = t.run LEFT JOIN main.runs r ON r.hash = sr.hash
			LEFT JOIN provenance p ON p.old = sr.provenance
			LEFT JOIN shard.names sa ON sa.id = t.site LEFT JOIN main.names a ON a.name = sa.name
			LEFT JOIN shard.names sb ON sb.id = t.statistic LEFT JOIN main.names b ON b.name = sb.name
		ORDER BY r.id, a.id, b.id`, from)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var g group
		var ids [5]sql.NullInt64 // ours; NULL if the shard names none
		sound := false
		if err := rows.Scan(&g.theirs[0], &g.theirs[1], &g.theirs[2], &g.rows, &g.last,
			&ids[0], &ids[1], &ids[2], &ids[3], &ids[4], &sound); err != nil {
			return nil, err
		}
		for _, id := range ids {
			sound = sound && id.Valid
		}
		if !sound {
			return nil, fmt.Errorf("%w: measured rows without a run or name, or with a step or layer out of range", ErrCorrupt)
		}
		g.ours, g.brought, g.first = [3]int64{ids[0].Int64, ids[1].Int64, ids[2].Int64}, ids[3].Int64, ids[4].Int64
		groups = append(groups, g)
	}
	return groups, rows.Err()
}

func affected(done sql.Result, err error) (int, error) {
	if err != nil {
		return 0, err
	}
	n, err := done.RowsAffected()
	return int(n), err
}
