// Package folder defines the layout of a run's folder (its file names, lock, log and provenance), and copies such
// folders.
package folder

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/outcrop-lab/outcrop/atomicfile"
	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/store"
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

// Of returns the path of a run's folder. results is the results folder, and run is the run's id. A database from
// elsewhere may hold any text for an id: if run is none, or the folder is a link, the error is a *settings.InputError.
func Of(results, run string) (string, error) {
	if !store.IsID(run) {
		return "", settings.Refuse(settings.Fault{File: results, Message: fmt.Sprintf(
			"a run's id is 64 hex digits, got %.100q: somebody changed the database; outcrop db check lists its faults", run)})
	}
	return unlinked(Runs(results), run)
}

// OfSweep returns the path of the folder that holds a sweep's report, and its figures in the folder "figures". If sweep
// may not be a folder's name, or one of the folders is a link, the error is a *settings.InputError.
func OfSweep(results, sweep string) (string, error) {
	if !settings.IsName(sweep) {
		return "", settings.Refuse(settings.Fault{File: results, Message: fmt.Sprintf("the name of a sweep is letters, "+
			"digits, dots, dashes and underscores, got %.100q: somebody changed the database; outcrop db check lists its faults",
			sweep)})
	}
	if _, err := unlinked(results, "sweeps", sweep, "figures"); err != nil {
		return "", err
	}
	return filepath.Join(results, "sweeps", sweep), nil
}

// unlinked returns the path of a folder if none of its parts below the folder root is a link: what is written into a
// results folder from elsewhere, or removed from it, stays in it.
func unlinked(root string, parts ...string) (string, error) {
	path := root
	for _, part := range parts {
		path = filepath.Join(path, part)
		if info, err := os.Lstat(path); err == nil && info.Mode()&os.ModeSymlink != 0 {
			return "", settings.Refuse(settings.Fault{File: path, Message: "is a link, which is not followed: " +
				"replace it by the folder itself, or remove it"})
		}
	}
	return path, nil
}

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
