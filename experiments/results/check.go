package results

// Checked is the document of db check.
type Checked struct {
	Database string   `json:"database"`
	Sound    bool     `json:"sound"`
	Faults   []string `json:"faults"`
}

// RemovalDocument is the document of rm --json.
type RemovalDocument struct {
	Removal
	Removed bool `json:"removed"`
}
