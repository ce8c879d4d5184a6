package results

import (
	"time"

	"github.com/outcrop-lab/outcrop/experiments/folder"
	"github.com/outcrop-lab/outcrop/store"
)

// AtWork reports whether a process works on a run of a results folder: the process has a lease on it that is in force,
// or it has locked the run's folder, as a worker does even if its coordinator sleeps. lease may be nil.
func AtWork(results, run string, lease *store.Lease) (bool, error) {
	if lease != nil && lease.InForce(time.Now()) {
		return true, nil
	}
	dir, err := folder.Of(results, run)
	if err != nil {
		return false, err
	}
	return folder.Held(dir)
}

// StoppedRun is one run that was asked to stop, as `stop` prints it.
type StoppedRun struct {
	Run    string `json:"run"`
	Status string `json:"status"`
	Step   int    `json:"step"`
	Steps  int    `json:"steps"`
	PID    int    `json:"pid"` // of the coordinator that was training the run
	Host   string `json:"host"`
}

// StoppedRuns lists those runs of ids that a coordinator held when it was asked to stop, with their present status and
// step. held maps the id of such a run to the lease at that time.
func StoppedRuns(db *store.DB, ids []string, held map[string]*store.Lease) ([]StoppedRun, error) {
	rows := []StoppedRun{}
	for _, id := range ids {
		l := held[id]
		if l == nil {
			continue
		}
		run, _, err := db.RunByID(id)
		if err != nil {
			return nil, err
		}
		rows = append(rows, StoppedRun{id, run.Status, run.Step, run.Steps, l.PID, l.Machine()})
	}
	return rows, nil
}
