package store

import "database/sql"

// Sweep is one experiment. Source is the text of its YAML file.
type Sweep struct {
	Name, Source string
	Arms         []Arm
}

// Arm is one arm of a sweep. Differs is a JSON list of the settings in which the arm's configuration differs from the
// sweep's base configuration. The arms of a sweep are sorted by Order.
type Arm struct {
	Name, Differs string
	Order         int
}

// Member says that a run belongs to an arm of a sweep. Run is the id of the run, which may belong to several arms. The
// members of an arm are sorted by Order.
type Member struct {
	Sweep, Arm string
	Seed       uint64
	Run        string
	Order      int
}

// MemberRun is a member of a sweep with its run. If the run is not stored yet, only its ID and Seed are set, and its
// Status is Planned.
type MemberRun struct {
	Member Member
	Run    Run
}

// PutSweep stores a sweep with its arms and members. It replaces a stored sweep of the same name. The runs of the
// members need not be stored.
func (db *DB) PutSweep(s Sweep, members []Member) error {
	return db.write("putting sweep "+s.Name, func(tx *sql.Tx) error {
		if _, err := tx.Exec("DELETE FROM sweeps WHERE name = ?", s.Name); err != nil {
			return err
		}
		if _, err := tx.Exec("INSERT INTO sweeps (name, source) VALUES (?, ?)", s.Name, s.Source); err != nil {
			return err
		}
		for _, a := range s.Arms {
			if _, err := tx.Exec("INSERT INTO arms (sweep, name, differs, position) VALUES (?, ?, ?, ?)",
				s.Name, a.Name, a.Differs, a.Order); err != nil {
				return err
			}
		}
		for _, m := range members {
			if _, err := tx.Exec("INSERT INTO members (sweep, arm, seed, run, position) VALUES (?, ?, ?, ?, ?)",
				s.Name, m.Arm, int64(m.Seed), m.Run, m.Order); err != nil {
				return err
			}
		}
		return nil
	})
}

// JoinSweep adds arms and members to a stored sweep. What is already there stays.
func (db *DB) JoinSweep(sweep string, arms []Arm, members []Member) error {
	return db.write("adding to sweep "+sweep, func(tx *sql.Tx) error {
		for _, a := range arms {
			if _, err := tx.Exec("INSERT INTO arms (sweep, name, differs, position) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
				sweep, a.Name, a.Differs, a.Order); err != nil {
				return err
			}
		}
		for _, m := range members {
			if _, err := tx.Exec(`INSERT INTO members (sweep, arm, seed, run, position) VALUES (?, ?, ?, ?, ?)
				ON CONFLICT DO NOTHING`, sweep, m.Arm, int64(m.Seed), m.Run, m.Order); err != nil {
				return err
			}
		}
		return nil
	})
}

// Sweeps lists all sweeps with their arms, ordered by name.
func (db *DB) Sweeps() (sweeps []Sweep, err error) {
	return db.sweeps("")
}

// Sweep returns the sweep called name and its members, in the order of RunsOf. If no such sweep is stored, Sweep
// returns the zero Sweep, whose Name is "".
func (db *DB) Sweep(name string) (Sweep, []Member, error) {
	sweeps, err := db.sweeps(name)
	if err != nil || len(sweeps) == 0 {
		return Sweep{}, nil, err
	}
	runs, err := db.RunsOf(name)
	if err != nil {
		return Sweep{}, nil, err
	}
	members := make([]Member, len(runs))
	for i, r := range runs {
		members[i] = r.Member
	}
	return sweeps[0], members, nil
}

// RunsOf lists the members of a sweep with their runs. They are sorted by the Order of their arm, then by their own
// Order, then by seed.
func (db *DB) RunsOf(sweep string) (all []MemberRun, err error) {
	var members []Member
	query := `SELECT m.sweep, m.arm, m.seed, m.run, m.position
		FROM members m JOIN arms a ON a.sweep = m.sweep AND a.name = m.arm
		WHERE m.sweep = ? ORDER BY a.position, a.name, m.position, m.seed, m.run`
	err = db.read("reading the members of sweep "+sweep, query, []any{sweep}, func(rows *sql.Rows) error {
		var m Member
		var seed int64
		if err := rows.Scan(&m.Sweep, &m.Arm, &seed, &m.Run, &m.Order); err != nil {
			return err
		}
		m.Seed = uint64(seed)
		members = append(members, m)
		return nil
	})
	if err != nil {
		return nil, err
	}
	runs, err := db.runs("WHERE r.hash IN (SELECT run FROM members WHERE sweep = ?)", sweep)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]Run, len(runs))
	for _, r := range runs {
		byID[r.ID] = r
	}
	for _, m := range members {
		r, ok := byID[m.Run]
		if !ok {
			r = Run{ID: m.Run, Seed: m.Seed, Status: Planned}
		}
		all = append(all, MemberRun{Member: m, Run: r})
	}
	return all, nil
}

func (db *DB) sweeps(name string) (sweeps []Sweep, err error) {
	query := `SELECT s.name, s.source, a.name, a.differs, a.position FROM sweeps s LEFT JOIN arms a ON a.sweep = s.name
		WHERE ?1 = '' OR s.name = ?1 ORDER BY s.name, a.position, a.name`
	err = db.read("reading sweeps", query, []any{name}, func(rows *sql.Rows) error {
		var s Sweep
		var arm, differs sql.NullString
		var order sql.NullInt64
		if err := rows.Scan(&s.Name, &s.Source, &arm, &differs, &order); err != nil {
			return err
		}
		if len(sweeps) == 0 || sweeps[len(sweeps)-1].Name != s.Name {
			sweeps = append(sweeps, s)
		}
		if arm.Valid {
			last := &sweeps[len(sweeps)-1]
			last.Arms = append(last.Arms, Arm{Name: arm.String, Differs: differs.String, Order: int(order.Int64)})
		}
		return nil
	})
	return sweeps, err
}
