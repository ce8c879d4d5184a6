package store

import "time"

// The stored statuses of a run. StatusOf combines one with the run's lease. A run that is stored only as a member of a
// sweep is Planned.
const (
	Planned  = "planned"
	Leased   = "leased"  // a coordinator holds it, and its worker has not reported yet
	Running  = "running" // a worker trains it
	Done     = "done"
	Stopped  = "stopped" // can be resumed
	Failed   = "failed"
	Diverged = "diverged" // a result, not an error
	Lost     = "lost"     // its coordinator is gone; can be resumed
)

// Statuses lists the statuses in the order of a run's life.
var Statuses = []string{Planned, Leased, Running, Done, Stopped, Failed, Diverged, Lost}

// StatusOf returns the status of a run at that time, from its stored status and its lease, which is nil if there is
// none. A running run that nobody holds is lost; a run that is held but not yet running is leased.
func StatusOf(status string, lease *Lease, now time.Time) string {
	switch held := lease != nil && lease.InForce(now); {
	case held && status != Running:
		return Leased
	case !held && (status == Running || status == Leased):
		return Lost
	}
	return status
}

// Ended reports whether a run with that status has been trained to its end.
func Ended(status string) bool { return status == Done || status == Diverged }

// Settled reports whether only the user can change a status.
func Settled(status string) bool { return Ended(status) || status == Failed }

// Short returns the first 12 digits of a run's id, enough to find the run among all runs of a database; commands print
// and accept them. Captions and reports, which list the runs of one sweep, use the 8 digits of plots.ShortID.
func Short(id string) string { return id[:min(len(id), 12)] }
