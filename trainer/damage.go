package trainer

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/outcrop-lab/outcrop/regularfile"
)

// Damage is what is wrong with a checkpoint or a snapshot in a run's folder.
type Damage struct {
	// Path is relative to the run's folder, with slashes. Files are the files below it that belong together: those of a
	// checkpoint, or the snapshot's one.
	Path  string
	Files []string
	// SHA256 is that of a snapshot as it was written. It is "" for a checkpoint, which states its own.
	SHA256 string
	Why    string
}

// Damaged lists the checkpoints and snapshots in a run's folder whose files are not those that were written, by the
// sums in each checkpoint's state.json and in snapshots/index.json. It reads all of these files. A snapshot that was
// removed is no damage. If the index is damaged itself, it is the one entry for all snapshots.
func Damaged(dir string) ([]Damage, error) {
	steps, err := Kept(dir)
	if err != nil {
		return nil, err
	}
	var all []Damage
	for _, step := range steps {
		d := Damage{Path: path.Join("checkpoints", checkpointName(step))}
		for _, name := range []string{modelFile, optimizerFile, stateFile} {
			d.Files = append(d.Files, path.Join(d.Path, name))
		}
		if err := whole(filepath.Join(dir, filepath.FromSlash(d.Path))); err != nil {
			d.Why = err.Error()
			all = append(all, d)
		}
	}
	snapshots, err := damagedSnapshots(dir)
	return append(all, snapshots...), err
}

// whole returns an error if a checkpoint's files are not those that its state names.
func whole(dir string) error {
	for _, name := range []string{stateFile, modelFile, optimizerFile} {
		if err := regularfile.Check(filepath.Join(dir, name)); err != nil { // a pipe would wait for its other end
			return err
		}
	}
	s, err := readStateOf(dir)
	if err != nil {
		return err
	}
	return s.sums(dir)
}

func damagedSnapshots(dir string) (all []Damage, err error) {
	index := path.Join("snapshots", snapshotIndex)
	place := filepath.Join(dir, filepath.FromSlash(index))
	err = regularfile.Check(place)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(place)
	}
	var listed []Snapshot
	if err == nil {
		listed, err = parseSnapshots(text)
	}
	if err != nil {
		return []Damage{{Path: index, Files: []string{index}, Why: err.Error()}}, nil
	}
	for _, s := range slices.CompactFunc(listed, func(a, b Snapshot) bool { return a.File == b.File }) {
		d := Damage{Path: s.File, Files: []string{s.File}, SHA256: s.SHA256}
		place := filepath.Join(dir, filepath.FromSlash(s.File))
		err := regularfile.Check(place)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		found := ""
		if err == nil {
			found, err = digest(place)
		}
		switch {
		case err != nil:
			d.Why = err.Error()
		case found != s.SHA256:
			d.Why = "is damaged: its SHA-256 is not the one in " + snapshotIndex
		default:
			continue
		}
		all = append(all, d)
	}
	return all, nil
}
