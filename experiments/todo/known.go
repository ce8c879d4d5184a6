package todo

import (
	"errors"
	"os"
	"path/filepath"
	"slices"

	"github.com/outcrop-lab/outcrop/experiments/folder"
	"github.com/outcrop-lab/outcrop/experiments/plan"
	"github.com/outcrop-lab/outcrop/experiments/run"
	"github.com/outcrop-lab/outcrop/experiments/sweep"
	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/store"
	"github.com/outcrop-lab/outcrop/trainer"
)

// PlanOf plans a sweep for a results folder: as plan.Of, but with the ids under which the folder holds the runs, and
// with the schedules on which stored runs are measured, unless the sweep names others.
func PlanOf(results string, s *sweep.Sweep, device string) ([]plan.Planned, error) {
	planned, err := plan.Of(s, device)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(results, folder.Database)
	if _, err := os.Stat(path); err != nil {
		return planned, nil //nolint:nilerr // what cannot be opened is reported where it is to be written
	}
	db, err := store.OpenReadOnly(path)
	if errors.Is(err, store.ErrBlank) {
		return planned, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }()
	if err := adopt(db, results, s.Name, planned); err != nil {
		return nil, err
	}
	return planned, reschedule(db, planned)
}

// Former returns how many runs of a sweep a results folder holds of other trainer versions, by version. Their ids are
// others than those that this build plans, so that they count for nothing in a plan.
func Former(results, sweep string) (map[int]int, error) {
	path := filepath.Join(results, folder.Database)
	if _, err := os.Stat(path); err != nil {
		return nil, nil //nolint:nilerr // there are no results
	}
	db, err := store.OpenReadOnly(path)
	if errors.Is(err, store.ErrBlank) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }()
	members, err := db.RunsOf(sweep)
	versions := map[int]int{}
	for _, m := range members {
		if m.Run.Config != "" && m.Run.TrainerVersion != trainer.Version {
			versions[m.Run.TrainerVersion]++
		}
	}
	return versions, err
}

// reschedule gives the stored runs of a plan the schedule with which they are stored, unless the sweep names one. The
// default may have changed since.
func reschedule(db *store.DB, planned []plan.Planned) error {
	if !slices.ContainsFunc(planned, func(p plan.Planned) bool { return !p.Scheduled }) {
		return nil
	}
	stored, err := db.RunStatuses()
	if err != nil {
		return err
	}
	type schedule struct {
		config trainer.Config
		key    string
	}
	read := map[string]schedule{}
	for i := range planned {
		p := &planned[i]
		text := stored[p.ID].Every
		if p.Scheduled || text == "" {
			continue
		}
		s, ok := read[text]
		if !ok {
			c, err := run.ConfigOf(store.Run{ID: p.ID, Config: `{"probe":{"every":` + text + `}}`})
			if err != nil {
				return err
			}
			s = schedule{c, plan.ScheduleKey(settings.Of(&c))}
			read[text] = s
		}
		p.Config.Probe.Every, p.Every = s.config.Probe.Every, s.key
	}
	return nil
}

// adopt gives the runs of a plan the ids under which a results folder holds them. While paths belonged to a run's
// identity, its id depended on how they were written; a stored run whose data and configuration less its paths agree
// with a planned one keeps its id and its paths as they are stored.
func adopt(db *store.DB, results, sweep string, planned []plan.Planned) error {
	if !anyFiles(planned) {
		return nil
	}
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
