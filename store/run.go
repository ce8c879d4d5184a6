package store

import (
	"database/sql"
	"fmt"
	"strings"
)

// Run is one training run.
//
// ID is the hash of the identity of the run. Config is its resolved configuration as canonical JSON. Steps is the
// number of steps to train, and Step is the number trained so far. Params is the number of parameters. Error is the
// error message of a failed run. Commit, GoVersion, KernelPath and CPU are its provenance.
type Run struct {
	ID, Config, DataDigest             string
	TrainerVersion                     int
	Seed                               uint64
	Device, Precision                  string
	Slices, Steps, Step                int
	Status, Error                      string
	Params                             int
	Commit, GoVersion, KernelPath, CPU string
}

// IsID reports whether text may be the id of a run, and so the name of its folder: 64 lower-case hex digits.
func IsID(text string) bool {
	return len(text) == 64 && strings.Trim(text, "0123456789abcdef") == ""
}

// PutRun stores a run. If the run is already stored, PutRun updates only its status, step, error and parameter count.
// The run's other fields, including its first provenance, stay as they were first stored. Rows that this handle stores
// for the run afterwards are attributed to the provenance of r.
func (db *DB) PutRun(r Run) error {
	if r.ID == "" {
		return fault("putting a run", db.path, fmt.Errorf("the run has no id"))
	}
	var provenance int64
	err := db.write("putting run "+r.ID, func(tx *sql.Tx) (err error) {
		if provenance, err = putProvenance(tx, r); err != nil {
			return err
		}
		var id int64
		err = tx.QueryRow(`
			INSERT INTO runs (hash, config, data_digest, trainer_version, seed, device, precision, slices, steps, step,
				status, error, params, provenance)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (hash) DO UPDATE SET
				step = excluded.step, status = excluded.status, error = excluded.error, params = excluded.params
			RETURNING id`,
			r.ID, r.Config, r.DataDigest, r.TrainerVersion, int64(r.Seed), r.Device, r.Precision, r.Slices, r.Steps, r.Step,
			r.Status, r.Error, r.Params, provenance).Scan(&id)
		if err != nil {
			return err
		}
		_, err = tx.Exec("INSERT INTO run_provenances VALUES (?, ?) ON CONFLICT DO NOTHING", id, provenance)
		return err
	})
	if err != nil {
		return err
	}
	db.mutex.Lock()
	defer db.mutex.Unlock()
	db.writing[r.ID] = provenance
	return nil
}

// SetStatus sets the status, step and error message of a stored run.
func (db *DB) SetStatus(run string, status string, step int, errText string) error {
	return db.write("setting the status of run "+run, func(tx *sql.Tx) error {
		result, err := tx.Exec("UPDATE runs SET status = ?, step = ?, error = ? WHERE hash = ?", status, step, errText, run)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 1 {
			return err
		}
		return errUnknownRun
	})
}

// Runs lists all runs, ordered by id.
func (db *DB) Runs() ([]Run, error) {
	return db.runs("ORDER BY r.hash")
}

// RunByID returns the run with the given id, and whether that run is stored.
func (db *DB) RunByID(id string) (Run, bool, error) {
	runs, err := db.runs("WHERE r.hash = ?", id)
	if err != nil || len(runs) == 0 {
		return Run{}, false, err
	}
	return runs[0], true, nil
}

var errUnknownRun = fmt.Errorf("there is no such run; put the run first")

func putProvenance(tx *sql.Tx, r Run) (id int64, err error) {
	args := []any{r.Commit, r.GoVersion, r.KernelPath, r.CPU}
	if _, err := tx.Exec(`INSERT INTO provenances (git_commit, go_version, kernel_path, cpu) VALUES (?, ?, ?, ?)
		ON CONFLICT DO NOTHING`, args...); err != nil {
		return 0, err
	}
	err = tx.QueryRow(`SELECT id FROM provenances WHERE git_commit = ? AND go_version = ? AND kernel_path = ? AND cpu = ?`,
		args...).Scan(&id)
	return id, err
}

const runColumns = `r.hash, r.config, r.data_digest, r.trainer_version, r.seed, r.device, r.precision, r.slices,
	r.steps, r.step, r.status, r.error, r.params, p.git_commit, p.go_version, p.kernel_path, p.cpu`

func (db *DB) runs(where string, args ...any) (runs []Run, err error) {
	query := "SELECT " + runColumns + " FROM runs r JOIN provenances p ON p.id = r.provenance " + where
	err = db.read("reading runs", query, args, func(rows *sql.Rows) error {
		var r Run
		var seed int64
		if err := rows.Scan(&r.ID, &r.Config, &r.DataDigest, &r.TrainerVersion, &seed, &r.Device, &r.Precision, &r.Slices,
			&r.Steps, &r.Step, &r.Status, &r.Error, &r.Params, &r.Commit, &r.GoVersion, &r.KernelPath, &r.CPU); err != nil {
			return err
		}
		r.Seed = uint64(seed)
		runs = append(runs, r)
		return nil
	})
	return runs, err
}
