// Package folder knows the layout of a run's folder: its file names, lock, log and provenance, and how to copy it
// whole.
package folder

import (
	"os"
	"path/filepath"

	"github.com/outcrop-lab/outcrop/atomicfile"
)

// The files of a run's folder, beside the trainer's checkpoints/ and snapshots/.
const (
	Config     = "config.yaml"     // the run as its worker is assigned it
	Shard      = "run.db"          // its rows, which stay here after they are merged
	Log        = "log.jsonl"       // one Note a line
	Overrides  = "overrides.yaml"  // what differs from the defaults
	provenance = "provenance.json" // see Provenance
	lockFile   = "lock"
)

// Database is the name of the file in a results folder that holds everything that was measured.
const Database = "outcrop.db"

// Of returns the folder of a run in a results folder.
func Of(results, run string) string { return filepath.Join(Runs(results), run) }

// Runs returns the folder that holds the folders of runs in a results folder.
func Runs(results string) string { return filepath.Join(results, "runs") }

// RemovePartial removes the half-written checkpoints of a run. The run's worker must have ended.
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
