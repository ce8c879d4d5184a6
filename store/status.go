package store

import "time"

// The possible statuses of a run. StatusOf derives the current status of a run from its stored status and its lease. A
// run that is stored only as a member of a sweep is Planned.
const (
	Planned  = "planned"
	Leased   = "leased"  // a coordinator holds the run, and its worker has not reported yet
	Running  = "running" // a worker is training the run
	Done     = "done"
	Stopped  = "stopped" // can be resumed
	Failed   = "failed"
	Diverged = "diverged" // counts as a result, not as an error
	Lost     = "lost"     // the coordinator is gone; can be resumed
)

// Statuses lists all statuses, in the order in which a run may pass through them.
var Statuses = []string{Planned, Leased, Running, Done, Stopped, Failed, Diverged, Lost}

// StatusOf returns the status of a run at the given time. It derives this status from the stored status of the run and
// its lease, which is nil if the run has none. If the lease is in force, the run is Leased unless its stored status is
// Running. If no lease is in force, a run whose stored status is Running or Leased is Lost, and so is a run that is
// only Planned but has a lease: whoever began it died before anything was merged. In all other cases the stored status
// holds.
func StatusOf(status string, lease *Lease, now time.Time) string {
	switch held := lease != nil && lease.InForce(now); {
	case held && status != Running:
		return Leased
	case !held && (status == Running || status == Leased || status == Planned && lease != nil):
		return Lost
	}
	return status
}

// Ended reports whether the training of a run with this status has ended with a result.
func Ended(status string) bool { return status == Done || status == Diverged }

// Settled reports whether a status is final unless the user changes it.
func Settled(status string) bool { return Ended(status) || status == Failed }

// Short returns the first 12 digits of a run's id, which are enough to find the run among all runs of a database.
// Commands print this short form and accept it as an argument. Captions and reports, which list only the runs of one
// sweep, use the 8 digits that plots.ShortID returns.
func Short(id string) string { return id[:min(len(id), 12)] }
