package store

import (
	"context"
	"database/sql"
	"errors"
	"os"

	"github.com/mattn/go-sqlite3"
)

// MergeResult counts what a merge brought that was not there: runs, measured rows, clock values, conflicts (another
// value, equal provenance) and differences (another value, other provenance).
type MergeResult struct {
	Runs, Rows, Timings, Conflicts, Differences int
}

// Merge brings in what another database holds, in one transaction: all or nothing. Merging again adds nothing. The
// shard may grow meanwhile, or have been left by a killed writer: what it had committed is taken; one that holds
// nothing yet gives nothing. A run's status and step are taken unless ours is at a later step. Sweeps and fits are
// taken where there are none of the same key. A missing shard is an error that wraps fs.ErrNotExist, a damaged one
// ErrCorrupt.
func (db *DB) Merge(shardPath string) (MergeResult, error) {
	var none MergeResult
	if _, err := os.Stat(shardPath); err != nil {
		return none, fault("merging", shardPath, missing(err))
	}
	ctx := context.Background()
	conn, err := db.sql.Conn(ctx)
	if err != nil {
		return none, fault("merging into", db.path, err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.ExecContext(ctx, "ATTACH ? AS shard", uri(shardPath)+"?mode=ro"); err != nil {
		return none, fault("merging", shardPath, err)
	}
	result, err := mergeAttached(ctx, conn)
	if _, e := conn.ExecContext(ctx, "DETACH shard"); e != nil {
		err = errors.Join(err, e)
	}
	if err != nil {
		_ = conn.Close() // the check of the fault needs the one connection
		return none, db.mergeFault(shardPath, err)
	}
	return result, nil
}

// mergeFault names the file of the two that is at fault.
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

func mergeAttached(ctx context.Context, conn *sql.Conn) (MergeResult, error) {
	var result MergeResult
	if v, err := version(ctx, conn, "shard"); err != nil || v == blank {
		return result, err
	}
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return result, err
	}
	defer func() { _ = tx.Rollback() }()
	// Members and arms go before the sweeps whose absence lets them in.
	if _, err := tx.Exec("PRAGMA defer_foreign_keys = on"); err != nil {
		return result, err
	}
	for _, step := range mergeSteps {
		done, err := tx.Exec(step.text)
		if err != nil {
			return result, err
		}
		if step.count == nil {
			continue
		}
		n, err := done.RowsAffected()
		if err != nil {
			return result, err
		}
		*step.count(&result) += int(n)
	}
	return result, tx.Commit()
}

// provenances pairs the shard's ids with ours.
const provenances = `provenance AS (
	SELECT sp.id AS old, p.id AS new FROM shard.provenances sp JOIN main.provenances p
		USING (git_commit, go_version, kernel_path, cpu)
)`

// mapped turns a table of the shard that is keyed as stats is into rows with our ids; first is the provenance of our
// run, brought that of the row.
func mapped(table, brought string) string {
	return `WITH ` + provenances + `, mapped AS (
	SELECT r.id AS run, t.step, a.id AS site, b.id AS statistic, t.layer, t.head, t.idx, t.value,
		p.new AS brought, r.provenance AS first
	FROM shard.` + table + ` t
		JOIN shard.runs sr ON sr.id = t.run JOIN main.runs r ON r.hash = sr.hash
		JOIN provenance p ON p.old = ` + brought + `
		JOIN shard.names sa ON sa.id = t.site JOIN main.names a ON a.name = sa.name
		JOIN shard.names sb ON sb.id = t.statistic JOIN main.names b ON b.name = sb.name
) `
}

// disagree records the mapped rows whose value is not the one that stayed.
func disagree(table, brought, which string) string {
	return mapped(table, brought) + `
	INSERT INTO main.disagreements (run, step, site, statistic, layer, head, idx, value, provenance)
	SELECT run, m.step, site, statistic, m.layer, m.head, m.idx, m.value, m.brought
	FROM mapped m JOIN main.stats s USING (run, site, statistic, layer, head, idx, step)
	WHERE s.value IS NOT m.value AND ` + which + ` ON CONFLICT DO NOTHING`
}

// mergeSteps are the statements of a merge, in order; count says what the rows that one adds are.
var mergeSteps = []struct {
	text  string
	count func(*MergeResult) *int
}{
	{`INSERT INTO main.names (name) SELECT name FROM shard.names WHERE true ORDER BY name ON CONFLICT DO NOTHING`, nil},
	{`INSERT INTO main.provenances (git_commit, go_version, kernel_path, cpu)
		SELECT git_commit, go_version, kernel_path, cpu FROM shard.provenances
		WHERE true ORDER BY 1, 2, 3, 4 ON CONFLICT DO NOTHING`, nil},
	{`WITH ` + provenances + `
		INSERT INTO main.runs (hash, config, data_digest, trainer_version, seed, device, precision, slices, steps, step,
			status, error, params, provenance)
		SELECT hash, config, data_digest, trainer_version, seed, device, precision, slices, steps, step,
			status, error, params, new
		FROM shard.runs JOIN provenance ON old = provenance
		WHERE true ORDER BY hash ON CONFLICT DO NOTHING`, func(r *MergeResult) *int { return &r.Runs }},
	{`UPDATE main.runs SET step = s.step, status = s.status, error = s.error, params = s.params
		FROM shard.runs s WHERE s.hash = runs.hash AND s.step >= runs.step`, nil},
	{`WITH ` + provenances + `
		INSERT INTO main.run_provenances (run, provenance)
		SELECT r.id, p.new FROM shard.run_provenances q
			JOIN shard.runs sr ON sr.id = q.run JOIN main.runs r ON r.hash = sr.hash
			JOIN provenance p ON p.old = q.provenance
		WHERE true ON CONFLICT DO NOTHING`, nil},
	{mapped("stats", "sr.provenance") + `
		INSERT INTO main.stats (run, step, site, statistic, layer, head, idx, value)
		SELECT run, step, site, statistic, layer, head, idx, value FROM mapped WHERE true ON CONFLICT DO NOTHING`,
		func(r *MergeResult) *int { return &r.Rows }},
	{disagree("stats", "sr.provenance", "m.brought = m.first"), func(r *MergeResult) *int { return &r.Conflicts }},
	{disagree("stats", "sr.provenance", "m.brought <> m.first"), func(r *MergeResult) *int { return &r.Differences }},
	{disagree("disagreements", "t.provenance", "m.brought = m.first"), func(r *MergeResult) *int { return &r.Conflicts }},
	{disagree("disagreements", "t.provenance", "m.brought <> m.first"), func(r *MergeResult) *int { return &r.Differences }},
	{`INSERT INTO main.timings (run, step, name, value)
		SELECT r.id, t.step, t.name, t.value FROM shard.timings t
			JOIN shard.runs sr ON sr.id = t.run JOIN main.runs r ON r.hash = sr.hash
		WHERE true ON CONFLICT DO NOTHING`, func(r *MergeResult) *int { return &r.Timings }},
	{`INSERT INTO main.members (sweep, arm, seed, run, position)
		SELECT sweep, arm, seed, run, position FROM shard.members
		WHERE sweep NOT IN (SELECT name FROM main.sweeps)`, nil},
	{`INSERT INTO main.arms (sweep, name, differs, position)
		SELECT sweep, name, differs, position FROM shard.arms
		WHERE sweep NOT IN (SELECT name FROM main.sweeps)`, nil},
	{`INSERT INTO main.sweeps (name, source) SELECT name, source FROM shard.sweeps
		WHERE name NOT IN (SELECT name FROM main.sweeps)`, nil},
	{`INSERT INTO main.fits (run, site, statistic, layer, head, idx, family, params, n,
			r2, adj_r2, aic, aicc, bic, rmse, t_peak, f_peak, regime, message, best)
		SELECT r.id, a.id, b.id, t.layer, t.head, t.idx, t.family, t.params, t.n,
			t.r2, t.adj_r2, t.aic, t.aicc, t.bic, t.rmse, t.t_peak, t.f_peak, t.regime, t.message, t.best
		FROM shard.fits t
			JOIN shard.runs sr ON sr.id = t.run JOIN main.runs r ON r.hash = sr.hash
			JOIN shard.names sa ON sa.id = t.site JOIN main.names a ON a.name = sa.name
			JOIN shard.names sb ON sb.id = t.statistic JOIN main.names b ON b.name = sb.name
		WHERE true ON CONFLICT DO NOTHING`, nil},
}
