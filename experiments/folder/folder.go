// Package folder defines the layout of a run's folder (its file names, lock, log and provenance), and copies such
// folders.
package folder

import (
	"os"
	"path/filepath"

	"github.com/outcrop-lab/outcrop/atomicfile"
)

// The files of a run's folder, beside the trainer's checkpoints/ and snapshots/.
const (
	Config     = "config.yaml"     // the assignment that the run's worker reads
	Shard      = "run.db"          // the run's rows, which stay here after they are merged
	Log        = "log.jsonl"       // one Note a line
	Overrides  = "overrides.yaml"  // the settings that differ from the defaults
	provenance = "provenance.json" // see Provenance
	lockFile   = "lock"
)

// Database is the name of the file in a results folder that holds everything that was measured.
const Database = "outcrop.db"

// Of returns the path of a run's folder. results is the results folder, and run is the run's id.
func Of(results, run string) string { return filepath.Join(Runs(results), run) }

// Runs returns the folder, inside a results folder, that holds the folders of all runs.
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
