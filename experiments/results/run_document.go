package results

import "github.com/outcrop-lab/outcrop/store"

// RunRow is one run of a sweep after the sweep's execution, as printed.
type RunRow struct {
	Run    string `json:"run"`
	Arm    string `json:"arm"`
	Seed   uint64 `json:"seed"`
	Status string `json:"status"`
	Step   int    `json:"step"`
	Steps  int    `json:"steps"`
	Error  string `json:"error"`
}

// RunDocument is what `run --json` prints.
type RunDocument struct {
	Sweep    string   `json:"sweep"`
	Runs     []RunRow `json:"runs"`
	Answers  []Answer `json:"answers"`
	Fits     []FitRow `json:"fits"`
	Report   string   `json:"report"`
	Figures  []string `json:"figures"`
	Database string   `json:"database"`
}

// RunDocumentOf returns a document with a sweep's runs, answers and fits. The caller fills in Report and Figures.
func RunDocumentOf(db *store.DB, sweep string) (RunDocument, error) {
	document := RunDocument{Sweep: sweep, Runs: []RunRow{}, Figures: []string{}, Database: db.Path()}
	members, err := db.RunsOf(sweep)
	if err != nil {
		return document, err
	}
	for _, m := range members {
		document.Runs = append(document.Runs, RunRow{m.Run.ID, m.Member.Arm, m.Member.Seed, m.Run.Status, m.Run.Step,
			m.Run.Steps, m.Run.Error})
	}
	if document.Answers, err = answers(db, members); err != nil {
		return document, err
	}
	document.Fits, err = FitRows(db, sweep)
	return document, err
}
