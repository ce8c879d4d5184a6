package store

import "database/sql"

// The possible verdicts on a claim.
const (
	Holds     = "holds"
	Fails     = "fails"
	Undecided = "undecided" // too few runs, or missing rows
)

// Claim is a claim of a paper, with the verdict that the results of a sweep give on it.
type Claim struct {
	Sweep, Name string
	Source      string // arXiv id
	Statement   string
	Verdict     string
	Detail      string // a JSON object of the numbers that the verdict rests on
}

// PutClaims replaces all claims stored for a sweep, in one transaction.
func (db *DB) PutClaims(sweep string, claims []Claim) error {
	return db.write("putting the claims of "+sweep, func(tx *sql.Tx) error {
		if _, err := tx.Exec("DELETE FROM claims WHERE sweep = ?", sweep); err != nil {
			return err
		}
		for _, c := range claims {
			if _, err := tx.Exec(`INSERT INTO claims (sweep, name, source, statement, verdict, detail)
				VALUES (?, ?, ?, ?, ?, ?)`,
				sweep, c.Name, c.Source, c.Statement, c.Verdict, c.Detail); err != nil {
				return err
			}
		}
		return nil
	})
}

// Claims lists the claims stored for a sweep, ordered by name.
func (db *DB) Claims(sweep string) (claims []Claim, err error) {
	err = db.read("reading claims",
		"SELECT sweep, name, source, statement, verdict, detail FROM claims WHERE sweep = ? ORDER BY name", []any{sweep},
		func(rows *sql.Rows) error {
			var c Claim
			err := rows.Scan(&c.Sweep, &c.Name, &c.Source, &c.Statement, &c.Verdict, &c.Detail)
			claims = append(claims, c)
			return err
		})
	return claims, err
}
