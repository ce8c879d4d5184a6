package store

import "time"

// How a run stands, as it is stored; StatusOf reads it together with the lease. A run of which nothing is stored but its
// membership is Planned.
const (
	Planned  = "planned"
	Leased   = "leased"  // a coordinator has taken it and its worker has said nothing yet
	Running  = "running" // a worker trains it
	Done     = "done"
	Stopped  = "stopped" // it can go on
	Failed   = "failed"
	Diverged = "diverged" // a result, no error
	Lost     = "lost"     // its coordinator is gone; it can go on
)

// Statuses lists them in the order of a run's life.
var Statuses = []string{Planned, Leased, Running, Done, Stopped, Failed, Diverged, Lost}

// StatusOf is how a run stands at that moment, by its stored status and its lease, nil where there is none: one
// that is running and that nobody holds is lost, one that is held and not running yet is leased.
func StatusOf(status string, lease *Lease, now time.Time) string {
	switch held := lease != nil && lease.InForce(now); {
	case held && status != Running:
		return Leased
	case !held && (status == Running || status == Leased):
		return Lost
	}
	return status
}

// Ended reports whether a run with that status was trained to its end.
func Ended(status string) bool { return status == Done || status == Diverged }

// Settled reports whether a status is one that only the user changes.
func Settled(status string) bool { return Ended(status) || status == Failed }

// Short returns the first 12 digits of a run's id, enough to find the run among all runs of a database; commands print
// and accept them. Captions and reports, which list the runs of one sweep, use the 8 digits of plots.ShortID.
func Short(id string) string { return id[:min(len(id), 12)] }
