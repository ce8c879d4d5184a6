package results

import "github.com/outcrop-lab/outcrop/store"

// StoppedRun is one run that was asked to stop, as the verb prints it.
type StoppedRun struct {
	Run    string `json:"run"`
	Status string `json:"status"`
	Step   int    `json:"step"`
	Steps  int    `json:"steps"`
	PID    int    `json:"pid"` // of the coordinator that trained it
	Host   string `json:"host"`
}

// StoppedRuns lists the runs among ids that a process held when it was asked to stop, as they are now.
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
