package todo

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/outcrop-lab/outcrop/experiments/folder"
	"github.com/outcrop-lab/outcrop/experiments/plan"
	"github.com/outcrop-lab/outcrop/experiments/run"
	"github.com/outcrop-lab/outcrop/experiments/sweep"
	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/store"
)

// PlanOf plans a sweep for a results folder: as plan.Of, but with the ids under which the folder holds the runs.
func PlanOf(results string, s *sweep.Sweep, device string) ([]plan.Planned, error) {
	planned, err := plan.Of(s, device)
	if err != nil {
		return nil, err
	}
	return planned, adopt(results, s.Name, planned)
}

// adopt gives the runs of a plan the ids under which a results folder holds them. While paths belonged to a run's
// identity, its id depended on how they were written; a stored run whose data and configuration less its paths agree
// with a planned one keeps its id and its paths as they are stored.
func adopt(results, sweep string, planned []plan.Planned) error {
	path := filepath.Join(results, folder.Database)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) || !anyFiles(planned) {
		return nil
	}
	db, err := store.OpenReadOnly(path)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	known, err := knownIn(db, results, sweep)
	if err != nil {
		return err
	}
	for i := range planned {
		p := &planned[i]
		if len(settings.Files(&p.Config)) == 0 || known.has(p.ID) {
			continue
		}
		former, err := known.identifier.FormerID(settings.Of(&p.Config), p.Config, p.DataDigest, p.Device)
		if err != nil {
			return err
		}
		if known.has(former) {
			p.ID = former
		} else if err := known.adopt(p); err != nil {
			return err
		}
	}
	return nil
}

func anyFiles(planned []plan.Planned) bool {
	for _, p := range planned {
		if len(settings.Files(&p.Config)) > 0 {
			return true
		}
	}
	return false
}

// known is what a results folder knows of runs.
type known struct {
	results    string
	ids        map[string]bool // of the database's runs, and of the sweep's planned ones
	byDigest   map[string][]store.Run
	identifier *run.Identifier
}

func knownIn(db *store.DB, results, sweep string) (k known, err error) {
	k = known{results, map[string]bool{}, map[string][]store.Run{}, run.NewIdentifier()}
	runs, err := db.Runs()
	if err != nil {
		return k, err
	}
	for _, r := range runs {
		k.ids[r.ID] = true
		k.byDigest[r.DataDigest] = append(k.byDigest[r.DataDigest], r)
	}
	members, err := db.RunsOf(sweep)
	for _, m := range members {
		k.ids[m.Run.ID] = true
	}
	return k, err
}

// has reports whether there is a run, or the folder of one that was not merged yet.
func (k known) has(id string) bool {
	if k.ids[id] {
		return true
	}
	dir, err := folder.Of(k.results, id)
	return err == nil && folder.Exists(dir)
}

// adopt gives p the id and the paths of the stored run that differs from it in nothing but paths, if there is one.
func (k known) adopt(p *plan.Planned) error {
	for _, r := range k.byDigest[p.DataDigest] {
		if r.Seed != p.Seed || r.Device != p.Device {
			continue
		}
		if run.Identity(r) != p.ID {
			continue
		}
		c, err := run.ConfigOf(r)
		if err != nil {
			return err
		}
		p.ID, p.Config = r.ID, settings.Clone(p.Config) // the parameters are shared with other runs of the arm
		stored := settings.Files(&c)
		for i, f := range settings.Files(&p.Config) {
			f.Path.Written, f.Path.At = stored[i].Path.Written, f.Path.Place()
		}
		return nil
	}
	return nil
}

// Locate finds the files of a sweep that was loaded from the database as run.Run.Locate finds those of a run. A file of
// a run that never began is looked for where the same path was found for another run.
func Locate(db *store.DB, results string, s *sweep.Sweep) error {
	members, err := db.RunsOf(s.Name)
	if err != nil {
		return err
	}
	type place struct {
		arm  string
		seed uint64
	}
	stored := map[place]store.Run{}
	for _, m := range members {
		stored[place{m.Member.Arm, m.Member.Seed}] = m.Run
	}
	found := map[string]string{} // the places, by the paths as they are written
	for _, begun := range []bool{true, false} {
		for _, one := range s.Runs {
			of := stored[place{one.Arm.Name, one.Config.Seed}]
			if (of.DataDigest != "") != begun {
				continue
			}
			all := true
			for _, f := range settings.Files(&one.Config) { // shared with the arm's other seeds
				if f.Path.At == "" {
					f.Path.At = found[f.Path.Written]
				}
				all = all && f.Path.At != ""
			}
			if all {
				continue
			}
			r := run.Run{ID: of.ID, Config: one.Config, DataDigest: of.DataDigest}
			if err := r.Locate(results); err != nil {
				return err
			}
			for _, f := range settings.Files(&r.Config) {
				found[f.Path.Written] = f.Path.At
			}
		}
	}
	return nil
}
