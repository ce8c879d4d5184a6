package store

import "database/sql"

// SnapshotFile says where |activation| is stored for one sequence of the probe batch. File is a file in the run's
// folder. Tensor is the name of a tensor in that file with the shape [sequences, T, channels], and Sequence is the
// index along its first dimension. The view `snapshots` lists all snapshot files.
type SnapshotFile struct {
	Step, Layer int
	Site        string
	Sequence    int
	File        string // relative to the run's folder, with slashes
	Tensor      string
}

// PutSnapshots stores where a run's snapshots are. If it fails, it stores nothing. Entries that are already stored are
// kept, because a snapshot that is taken again is written to the same place. The run must be stored.
func (db *DB) PutSnapshots(run string, files []SnapshotFile) error {
	return db.write("putting snapshots of run "+run, func(tx *sql.Tx) error {
		id, _, err := runID(tx, run)
		if err != nil {
			return err
		}
		for _, f := range files {
			site, err := nameID(tx, f.Site)
			if err != nil {
				return err
			}
			if _, err := tx.Exec(`INSERT INTO snapshot_files (run, step, site, layer, sequence, file, tensor)
				VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`, id, f.Step, site, f.Layer,
				f.Sequence, f.File, f.Tensor); err != nil {
				return err
			}
		}
		return nil
	})
}

// Snapshots lists where a run's snapshots are, ordered by site, layer, step and sequence.
func (db *DB) Snapshots(run string) (files []SnapshotFile, err error) {
	query := `SELECT step, layer, site, sequence, file, tensor FROM snapshots
		WHERE run = ? ORDER BY site, layer, step, sequence`
	err = db.read("reading the snapshots of run "+run, query, []any{run}, func(rows *sql.Rows) error {
		var f SnapshotFile
		err := rows.Scan(&f.Step, &f.Layer, &f.Site, &f.Sequence, &f.File, &f.Tensor)
		files = append(files, f)
		return err
	})
	return files, err
}
