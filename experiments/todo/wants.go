package todo

import (
	"math"
	"slices"

	"github.com/outcrop-lab/outcrop/experiments/folder"
	"github.com/outcrop-lab/outcrop/experiments/plan"
	"github.com/outcrop-lab/outcrop/experiments/run"
	"github.com/outcrop-lab/outcrop/probes"
	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/store"
	"github.com/outcrop-lab/outcrop/trainer"
)

// Wants caches the (site, statistic) pairs that a run records at each measured step. Its keys are those of
// plan.SitesKey.
//
// A stored run lacks only what its sweep names: if the sweep names no statistics, the run lacks no rows of a statistic
// before the first that it has. So no run is trained again because the default statistics have changed since; PlanOf
// sees to the schedule.
type Wants map[string][]probes.Pair

// always is measured at every step that is measured at all.
var always = probes.Pair{Site: "run", Statistic: "heldout_loss"}

// pairs returns a run's pairs. key is the run's plan.SitesKey; pairs computes it if it is "".
func (w Wants) pairs(r run.Run, key string) ([]probes.Pair, error) {
	if key == "" {
		key = plan.SitesKey(settings.Of(&r.Config), r.Config)
	}
	if pairs, ok := w[key]; ok {
		return pairs, nil
	}
	c := r.Config
	c.Arch.Layers = min(c.Arch.Layers, 2) // all blocks are alike
	pairs, err := trainer.Pairs(c)
	if err != nil {
		return nil, err
	}
	w[key] = append(slices.Clip(pairs), always)
	return w[key], nil
}

// Whole reports, by run id, whether an ended run has all the rows that it wants. It asks the database once for all runs
// that ended at the same step and want the same rows. The map leaves out runs that have not ended and runs that want
// snapshots.
func (w Wants) Whole(db *store.DB, planned []plan.Planned, known map[string]store.RunStatus) (map[string]bool, error) {
	type group struct {
		pairs [][2]string
		steps []int
		usual bool
		runs  []string
	}
	type groupKey struct {
		sites, every string
		usual        bool
		step         int
	}
	groups := map[groupKey]*group{}
	for _, p := range planned {
		stored, there := known[p.ID]
		if !there || !store.Ended(stored.Status) || len(p.Config.Probe.Snapshots.Steps) > 0 {
			continue
		}
		// Sites that are named may have been added since, and all statistics are wanted there.
		usual := len(p.Config.Probe.Statistics)+len(p.Config.Probe.Sites) == 0
		key := groupKey{p.Sites, p.Every, usual, stored.Step}
		g, ok := groups[key]
		if !ok {
			pairs, err := w.pairs(p.Run, p.Sites)
			if err != nil {
				return nil, err
			}
			g = &group{usual: usual}
			for _, pair := range pairs {
				g.pairs = append(g.pairs, [2]string{pair.Site, pair.Statistic})
			}
			for step := range stored.Step + 1 {
				if step == stored.Step || p.Config.Probe.Every.Value.At(step) {
					g.steps = append(g.steps, step)
				}
			}
			groups[key] = g
		}
		g.runs = append(g.runs, p.ID)
	}
	whole := map[string]bool{}
	for _, g := range groups {
		lacking, err := db.Uncovered(g.runs, g.pairs, g.steps, g.usual)
		if err != nil {
			return nil, err
		}
		for _, r := range g.runs {
			whole[r] = !lacking[r]
		}
	}
	return whole, nil
}

// Task returns what is left to do of a run, according to the results and the run's folder. A run that the sweep's rule
// has stopped is settled.
func (w Wants) Task(db *store.DB, dir string, p plan.Planned) (t Task, err error) {
	stored, there, err := db.RunByID(p.ID)
	if err != nil {
		return t, err
	}
	if there && store.Ended(stored.Status) {
		lacking, err := w.lacking(db, dir, p, stored.Step, true)
		if err != nil {
			return t, err
		}
		if len(lacking) == 0 {
			return Task{Settled: stored.Status}, nil
		}
		kept, err := trainer.Kept(dir)
		if err != nil {
			return t, err
		}
		t.Lacking = len(lacking)
		if !slices.ContainsFunc(lacking, func(step int) bool { return step > 0 && !slices.Contains(kept, step) }) {
			t.Measure = lacking
			return t, nil
		}
	}
	if t.From, t.Refused, err = w.resumable(dir, p); err != nil {
		return t, err
	}
	if early, err := StoppedEarly(db, p.Run); err != nil || early {
		return Task{Settled: store.Stopped}, err
	}
	return t, nil
}

// StoppedEarly reports whether the sweep's rule has stopped a run, that is, whether the run was stopped after the step
// at which the rule stops it.
func StoppedEarly(db *store.DB, r run.Run) (bool, error) {
	if r.Stopping == nil {
		return false, nil
	}
	stored, there, err := db.RunByID(r.ID)
	if err != nil || !there || stored.Status != store.Stopped {
		return false, err
	}
	steps, values, err := db.Metric(r.ID, r.Stopping.Metric)
	if err != nil {
		return false, err
	}
	at, reason := r.Stopping.Verdict(steps, values)
	return reason != "" && at < stored.Step, nil
}

// lacking lists the steps up to last at which wanted rows or snapshots are missing. If ended is set, the run is
// measured at last whatever its schedule.
func (w Wants) lacking(db *store.DB, dir string, p plan.Planned, last int, ended bool) ([]int, error) {
	c := p.Config
	missing, err := c.Probe.Snapshots.Missing(dir, c.Arch.Layers)
	if err != nil {
		return nil, err
	}
	lacks := map[int]bool{}
	for _, step := range missing {
		lacks[step] = true
	}
	pairs, err := w.pairs(p.Run, p.Sites)
	if err != nil {
		return nil, err
	}
	for _, pair := range pairs {
		series, err := db.Series(store.Select{Run: p.ID, Site: pair.Site, Statistic: pair.Statistic})
		if err != nil {
			return nil, err
		}
		measured, from := map[int]bool{}, 0
		if pair != always && len(c.Probe.Statistics) == 0 {
			if from, err = since(db, p, pair, series); err != nil {
				return nil, err
			}
		}
		for _, s := range series {
			for _, step := range s.Steps {
				measured[step] = true
			}
		}
		for step := from; step <= last; step++ {
			if wanted := ended && step == last || c.Probe.Every.Value.At(step); wanted && !measured[step] {
				lacks[step] = true
			}
		}
	}
	var steps []int
	for step := range last + 1 {
		if lacks[step] {
			steps = append(steps, step)
		}
	}
	return steps, nil
}

// since returns the first step at which a run wants rows of a default statistic, of which it has the given series. A
// site that the sweep names may have been added after the run was measured; elsewhere, a run without rows was measured
// before the statistic was a default one.
func since(db *store.DB, p plan.Planned, pair probes.Pair, series []store.Series) (first int, err error) {
	if len(series) == 0 && slices.Contains(p.Config.Probe.Sites, pair.Site) {
		if series, err = db.Series(store.Select{Run: p.ID, Statistic: pair.Statistic}); len(series) > 0 || err != nil {
			return 0, err
		}
	}
	first = math.MaxInt
	for _, s := range series {
		first = min(first, s.Steps[0])
	}
	return first, nil
}

// resumable returns the step of the newest checkpoint from which a run can go on: everything that is wanted of the
// steps before it has been measured. It returns 0 if there is no such checkpoint. If the run's shard is damaged or
// blank, its rows count for nothing, and why says so.
func (w Wants) resumable(dir string, p plan.Planned) (from int, why string, err error) {
	kept, err := trainer.Kept(dir)
	if err != nil || len(kept) == 0 {
		return 0, "", err
	}
	db, refused, err := folder.ReadShard(dir)
	switch {
	case err != nil:
		return 0, "", err
	case refused != nil:
		return 0, "is damaged", nil
	case db == nil:
		return 0, "holds no rows", nil
	}
	defer func() { _ = db.Close() }()
	newest := min(kept[len(kept)-1], p.Config.Train.Steps)
	lacking, err := w.lacking(db, dir, p, newest-1, false)
	if err != nil {
		return 0, "", err
	}
	if len(lacking) > 0 {
		newest = lacking[0]
	}
	for _, step := range kept {
		if step <= newest {
			from = step
		}
	}
	return from, "", nil
}

// DropUnusable deletes the checkpoints that are newer than the one from which a run can go on. It keeps damaged
// checkpoints, so that the trainer refuses them by name.
func DropUnusable(dir string, p plan.Planned) error {
	from, _, err := Wants{}.resumable(dir, p)
	if err != nil {
		return err
	}
	kept, err := trainer.Kept(dir)
	if err != nil {
		return err
	}
	for _, step := range kept {
		if step > from && trainer.Sound(dir, p.ID, p.Seed, step) == nil {
			if err := trainer.Drop(dir, step); err != nil {
				return err
			}
		}
	}
	return nil
}
