package results

// Checked is what `db check --json` prints.
type Checked struct {
	Database string   `json:"database"`
	Sound    bool     `json:"sound"`
	Faults   []string `json:"faults"`
	// Damaged lists the damaged checkpoints and snapshots in the runs' folders. The database may be sound all the same.
	Damaged []string `json:"damaged"`
}

// RemovalDocument is what `rm --json` prints.
type RemovalDocument struct {
	Removal
	Removed bool `json:"removed"`
}
