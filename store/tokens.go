package store

import "database/sql"

// PutTokens stores what tokens of a run stand for, by token. Labels that are already stored are kept. If it fails, it
// stores nothing. The run must be stored.
func (db *DB) PutTokens(run string, labels map[int]string) error {
	return db.write("putting tokens of run "+run, func(tx *sql.Tx) error {
		id, _, err := runID(tx, run)
		if err != nil {
			return err
		}
		for token, label := range labels {
			if _, err := tx.Exec("INSERT INTO token_labels (run, token, label) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
				id, token, label); err != nil {
				return err
			}
		}
		return nil
	})
}

// Tokens returns what the tokens of a run's probe batch stand for, by token. It is empty if the run's data has no text.
func (db *DB) Tokens(run string) (map[int]string, error) {
	labels := map[int]string{}
	err := db.read("reading the tokens of run "+run, "SELECT token, label FROM tokens WHERE run = ?", []any{run},
		func(rows *sql.Rows) error {
			var token int
			var label string
			err := rows.Scan(&token, &label)
			labels[token] = label
			return err
		})
	return labels, err
}
