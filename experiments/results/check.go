package results

// Checked is what `db check --json` prints.
type Checked struct {
	Database string   `json:"database"`
	Sound    bool     `json:"sound"`
	Faults   []string `json:"faults"`
}

// RemovalDocument is what `rm --json` prints.
type RemovalDocument struct {
	Removal
	Removed bool `json:"removed"`
}
