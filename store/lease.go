package store

import (
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
)

// Holder is a process that works on runs. Host identifies the machine, its current boot and the PID namespace of the
// process, which a container may have of its own. Owner is unique to the holder.
type Holder struct {
	Owner, Host string
	PID         int
}

// ThisProcess returns the current process as a holder. Each call returns a new Owner.
func ThisProcess() Holder { return Holder{Owner: rand.Text(), Host: host(), PID: os.Getpid()} }

// String names the process and its machine.
func (h Holder) String() string { return fmt.Sprintf("process %d on %s", h.PID, h.Machine()) }

// Lease says which process works on a run, and until when the lease is valid.
type Lease struct {
	Run string
	Holder
	Since, Expires time.Time
}

// Machine returns the name of the machine, which is the readable part of Host.
func (h Holder) Machine() string {
	name, _, _ := strings.Cut(h.Host, "/")
	return name
}

// InForce reports whether the holder may still be at work at the given time. The lease must not have expired. If the
// lease's Host is that of the current process, the process that holds the lease must also be alive.
func (l Lease) InForce(now time.Time) bool {
	if now.After(l.Expires) {
		return false
	}
	return l.Host != host() || !errors.Is(syscall.Kill(l.PID, 0), syscall.ESRCH)
}

// Same reports whether two leases are the same, not renewed in between. It is false if other is nil.
func (l Lease) Same(other *Lease) bool {
	return other != nil && l.Owner == other.Owner && l.Expires.Equal(other.Expires)
}

// host returns the machine's name, its boot id and the PID namespace of this process.
func host() string {
	name, _ := os.Hostname()
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	numbering, _ := os.Readlink("/proc/self/ns/pid")
	return name + "/" + strings.TrimSpace(string(boot)) + "/" + numbering
}

// Claim leases a run to a holder for the given duration. If another holder has a lease on the run that is still in
// force, Claim changes nothing and returns that lease. A lease that equals stale has ended, whatever the time that it
// states: the caller has watched it for long enough without seeing it renewed. The clock of the machine that made it
// may be ahead. stale may be nil. If several processes claim a run at once, only one of them gets it. If Claim leases a
// run that another holder or nobody held, and whose stored status is Running or Leased, it sets the status to Lost.
func (db *DB) Claim(run string, by Holder, during time.Duration, stale *Lease) (other *Lease, err error) {
	err = db.write("claiming run "+run, func(tx *sql.Tx) error {
		now := time.Now()
		old, err := leaseOf(tx, run)
		if err != nil {
			return err
		}
		own := old != nil && old.Owner == by.Owner
		if old != nil && !own && old.InForce(now) && !old.Same(stale) {
			other = old
			return nil
		}
		if !own {
			if err := lose(tx, run, old, now); err != nil {
				return err
			}
		}
		return putLease(tx, run, by, now, during)
	})
	return other, err
}

// TakeBack leases a run to a holder, whoever else has a lease on it. The holder's worker must have the lock of the
// run's folder, which counts for more than a lease. TakeBack returns the other holder's lease, or nil if there was
// none.
func (db *DB) TakeBack(run string, by Holder, during time.Duration) (other *Lease, err error) {
	err = db.write("taking back run "+run, func(tx *sql.Tx) error {
		if other, err = leaseOf(tx, run); err != nil {
			return err
		}
		return putLease(tx, run, by, time.Now(), during)
	})
	return other, err
}

// lose sets the status of a run to Lost if it is Running or Leased, and records what became of the process that held
// it. old is the lease that has ended, nil if there is none.
func lose(tx *sql.Tx, run string, old *Lease, now time.Time) error {
	why := "it was left running, and nobody holds it"
	switch {
	case old == nil:
	case now.After(old.Expires), old.InForce(now):
		why = fmt.Sprintf("%s, which held it, no longer renews its lease", old.Holder)
	default:
		why = fmt.Sprintf("%s, which held it, is gone", old.Holder)
	}
	var status string
	var step int
	err := tx.QueryRow("SELECT status, step FROM runs WHERE hash = ?", run).Scan(&status, &step)
	switch {
	case errors.Is(err, sql.ErrNoRows) && old != nil: // the process died before it merged anything
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return err
	case status != Running && status != Leased:
		return nil
	}
	if _, err := tx.Exec("UPDATE runs SET status = ? WHERE hash = ?", Lost, run); err != nil {
		return err
	}
	return putEvent(tx, Event{Run: run, At: now, Status: Lost, Step: step, Message: why})
}

func putLease(tx *sql.Tx, run string, by Holder, now time.Time, during time.Duration) error {
	_, err := tx.Exec(`INSERT INTO leases (run, owner, host, pid, since, expires) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET owner = excluded.owner, host = excluded.host, pid = excluded.pid,
			since = excluded.since, expires = excluded.expires`,
		run, by.Owner, by.Host, by.PID, now.UnixMicro(), now.Add(during).UnixMicro())
	return err
}

// Renew extends all leases of an owner, so that they expire after the given duration from now. It returns the runs that
// the owner still holds. A run is missing from that list if the owner's lease on it expired and another owner has
// claimed it, or if it was released.
func (db *DB) Renew(owner string, during time.Duration) (held []string, err error) {
	err = db.write("renewing leases", func(tx *sql.Tx) error {
		rows, err := tx.Query("UPDATE leases SET expires = ? WHERE owner = ? RETURNING run",
			time.Now().Add(during).UnixMicro(), owner)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var run string
			if err := rows.Scan(&run); err != nil {
				return err
			}
			held = append(held, run)
		}
		return rows.Err()
	})
	return held, err
}

// Release ends the lease of an owner on a run. It does nothing if another owner holds the run.
func (db *DB) Release(run, owner string) error {
	return db.write("releasing run "+run, func(tx *sql.Tx) error {
		_, err := tx.Exec("DELETE FROM leases WHERE run = ? AND owner = ?", run, owner)
		return err
	})
}

// Leases maps the id of each leased run to its lease. It includes leases that expired without being released.
func (db *DB) Leases() (map[string]*Lease, error) {
	leases := map[string]*Lease{}
	err := db.read("reading leases", "SELECT "+leaseColumns+" FROM leases", nil, func(rows *sql.Rows) error {
		l, err := scanLease(rows)
		if err == nil {
			leases[l.Run] = l
		}
		return err
	})
	return leases, err
}

const leaseColumns = "run, owner, host, pid, since, expires"

func leaseOf(tx *sql.Tx, run string) (*Lease, error) {
	l, err := scanLease(tx.QueryRow("SELECT "+leaseColumns+" FROM leases WHERE run = ?", run))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return l, err
}

func scanLease(row interface{ Scan(to ...any) error }) (*Lease, error) {
	var l Lease
	var since, expires int64
	if err := row.Scan(&l.Run, &l.Owner, &l.Host, &l.PID, &since, &expires); err != nil {
		return nil, err
	}
	l.Since, l.Expires = time.UnixMicro(since), time.UnixMicro(expires)
	return &l, nil
}

// RequestStop requests that the given runs be stopped. A process that is working on one of the runs then stops it, and
// a process that was about to start one leaves it out. A process that begins after the request ignores it; see Stops.
func (db *DB) RequestStop(runs []string) error {
	return db.write("requesting a stop", func(tx *sql.Tx) error {
		for _, run := range runs {
			if _, err := tx.Exec("INSERT INTO stops (run, at) VALUES (?, ?) ON CONFLICT DO UPDATE SET at = excluded.at",
				run, time.Now().UnixMicro()); err != nil {
				return err
			}
		}
		return nil
	})
}

// Stops returns the runs for which a stop was ever requested, with the time of the newest request, by the clock of the
// machine that made it. A process that compares these times with those at its own beginning sees the new requests, even
// if the machines' clocks differ.
func (db *DB) Stops() (map[string]time.Time, error) {
	runs := map[string]time.Time{}
	err := db.read("reading stop requests", "SELECT run, at FROM stops", nil, func(rows *sql.Rows) error {
		var run string
		var at int64
		err := rows.Scan(&run, &at)
		runs[run] = time.UnixMicro(at)
		return err
	})
	return runs, err
}
