// Package folder knows what lies in a run's folder: names, lock, log, provenance, and how a folder is copied whole.
package folder

import (
	"os"
	"path/filepath"

	"github.com/outcrop-lab/outcrop/atomicfile"
)

// Files of a run's folder, beside the trainer's checkpoints/ and snapshots/.
const (
	Config     = "config.yaml"     // the run as its worker is assigned it
	Shard      = "run.db"          // its rows, until they are merged and after
	Log        = "log.jsonl"       // one Note a line
	Overrides  = "overrides.yaml"  // what differs from the defaults
	provenance = "provenance.json" // see Provenance
	lockFile   = "lock"
)

// Database is the file of a results folder that holds everything that was measured.
const Database = "outcrop.db"

// Of is the folder of a run in a results folder.
func Of(results, run string) string { return filepath.Join(Runs(results), run) }

// Runs is where the folders of runs lie in a results folder.
func Runs(results string) string { return filepath.Join(results, "runs") }

// RemovePartial removes the half-written checkpoints of a run, whose worker must have ended.
func RemovePartial(dir string) {
	left, _ := filepath.Glob(filepath.Join(dir, "checkpoints", "*"+atomicfile.Suffix))
	for _, path := range left {
		_ = os.RemoveAll(path)
	}
}

// Exists reports whether there is a file or folder at path.
func Exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
