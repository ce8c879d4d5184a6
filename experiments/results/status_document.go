package results

// StatusRow is the status of one run, as printed.
type StatusRow struct {
	Run         string `json:"run"`
	Arm         string `json:"arm"`
	Seed        uint64 `json:"seed"`
	Status      string `json:"status"`
	Attempts    int    `json:"attempts"`
	Step        int    `json:"step"`
	Steps       int    `json:"steps"`
	Loss        Number `json:"loss"`
	Rate        Number `json:"steps_per_second"`
	SecondsLeft Number `json:"seconds_left"`
	Error       string `json:"error"`
}

// StatusDocument is what `status --json` prints for each sweep. The document whose Sweep is "" holds the runs that
// belong to no sweep.
type StatusDocument struct {
	Sweep       string         `json:"sweep"`
	Runs        []StatusRow    `json:"runs"`
	Counts      map[string]int `json:"states"` // the number of runs with each status
	Progress    Number         `json:"progress"`
	SecondsLeft Number         `json:"seconds_left"`
}

// StatusDocuments returns the statuses of sweeps in the form in which they are printed.
func StatusDocuments(all []SweepStatus) []StatusDocument {
	documents := make([]StatusDocument, len(all))
	for i, s := range all {
		documents[i] = StatusDocument{Sweep: s.Sweep, Runs: []StatusRow{}, Counts: s.Counts,
			Progress: Number(s.Progress), SecondsLeft: Number(s.Left)}
		for _, r := range s.Runs {
			documents[i].Runs = append(documents[i].Runs, StatusRow{Run: r.Run, Arm: r.Arm, Seed: r.Seed,
				Status: r.Status, Attempts: r.Attempts, Step: r.Step, Steps: r.Steps, Loss: Number(r.Loss),
				Rate: Number(r.Rate), SecondsLeft: Number(r.Left), Error: r.Error})
		}
	}
	return documents
}
