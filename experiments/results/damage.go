package results

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/outcrop-lab/outcrop/experiments/folder"
	"github.com/outcrop-lab/outcrop/regularfile"
	"github.com/outcrop-lab/outcrop/store"
)

// Damage is what is wrong with a checkpoint or a snapshot in a run's folder: a trainer.Damage.
type Damage struct {
	Path   string
	Files  []string
	SHA256 string
	Why    string
}

// DamagedFiles lists the damaged checkpoints and snapshots of all stored runs, each as its path in the results folder
// and the reason. damaged is as in MergeOptions.
func DamagedFiles(ctx context.Context, db *store.DB, results string, damaged func(dir string) ([]Damage, error)) (
	all []string, err error) {
	runs, err := db.Runs()
	if err != nil {
		return nil, err
	}
	for _, r := range runs {
		if ctx.Err() != nil {
			return all, ctx.Err()
		}
		dir, err := folder.Of(results, r.ID)
		if err != nil || !folder.Exists(dir) {
			continue // an id that is none is a fault of the database
		}
		found, err := damaged(dir)
		if err != nil {
			return all, err
		}
		for _, d := range found {
			all = append(all, filepath.Join(dir, filepath.FromSlash(d.Path))+": "+d.Why)
		}
	}
	return all, nil
}

// mend replaces the damaged checkpoints and snapshots in a run's folder by those of another folder of the run, where
// these are sound, and counts them in m. It leaves a folder alone in which a process works: that refuses a damaged
// checkpoint by itself.
func (o MergeOptions) mend(ctx context.Context, from, to string, m *Merged) error {
	lock, err := folder.TryLock(to)
	if errors.Is(err, folder.ErrHeld) || os.IsPermission(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if lock != nil {
		defer func() { _ = lock.Close() }()
	}
	here, err := o.Damaged(to)
	if err != nil || len(here) == 0 {
		return err
	}
	there, err := o.Damaged(from)
	if err != nil {
		return err
	}
	for _, d := range here {
		if !d.mendable(from, there) {
			continue
		}
		if err := folder.Replace(ctx, from, to, d.Files); err != nil {
			return err
		}
	}
	left, err := o.Damaged(to)
	for _, d := range left {
		m.Damaged = append(m.Damaged, filepath.Join(to, filepath.FromSlash(d.Path)))
	}
	m.Mended += max(0, len(here)-len(left))
	return err
}

// mendable reports whether the other folder has the damaged files and they are sound there.
func (d Damage) mendable(from string, there []Damage) bool {
	if slices.ContainsFunc(there, func(other Damage) bool { return other.Path == d.Path }) {
		return false
	}
	return !slices.ContainsFunc(d.Files, func(name string) bool {
		place := filepath.Join(from, filepath.FromSlash(name))
		if d.SHA256 == "" {
			return !folder.Exists(place)
		}
		sum, err := digest(place) // another machine may have written other bits
		return err != nil || sum != d.SHA256
	})
}

func digest(path string) (string, error) {
	f, _, err := regularfile.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	s := sha256.New()
	_, err = io.Copy(s, f)
	return hex.EncodeToString(s.Sum(nil)), err
}
