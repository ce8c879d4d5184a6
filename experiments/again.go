package experiments

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/outcrop-lab/outcrop/probes"
	"github.com/outcrop-lab/outcrop/store"
	"github.com/outcrop-lab/outcrop/trainer"
)

// wants remembers, by architecture and probe, which rows a run has at each measured step.
type wants map[string][]probes.Pair

func (w wants) pairs(p Planned) ([]probes.Pair, error) {
	key := p.sites
	if key == "" {
		key = sitesKey(Settings(p.Config))
	}
	if pairs, ok := w[key]; ok {
		return pairs, nil
	}
	c := p.Config
	c.Arch.Layers = min(c.Arch.Layers, 2) // all blocks are alike
	pairs, err := trainer.Pairs(c)
	if err != nil {
		return nil, err
	}
	w[key] = pairs
	return pairs, nil
}

// sitesKey is equal of two configurations whose rows are of the same sites and statistics.
func sitesKey(settings []Setting) string {
	var shape []Setting
	for _, one := range settings {
		switch one.Key {
		case "arch.layers", "arch.width", "arch.context", "arch.vocab", "arch.init", "arch.init.std": // no site follows from these
		case "probe.sites", "probe.statistics":
			shape = append(shape, one)
		default:
			if strings.HasPrefix(one.Key, "arch.") {
				shape = append(shape, one)
			}
		}
	}
	return fingerprint(shape)
}

// state tells what there is to do for a run, by the results and by what lies in its folder.
func (w wants) state(db *store.DB, dir string, p Planned) (s State, err error) {
	old, there, err := db.RunByID(p.ID)
	if err != nil {
		return s, err
	}
	if there && (old.Status == string(trainer.Done) || old.Status == string(trainer.Diverged)) {
		lacking, err := w.lacking(db, dir, p, old.Step, true)
		if err != nil {
			return s, err
		}
		if len(lacking) == 0 {
			return State{Settled: old.Status}, nil
		}
		kept, err := trainer.Kept(dir)
		if err != nil {
			return s, err
		}
		s.Lacking = len(lacking)
		if !slices.ContainsFunc(lacking, func(step int) bool { return !slices.Contains(kept, step) }) {
			s.Measure = lacking
			return s, nil
		}
	}
	s.From, err = w.resumable(dir, p)
	return s, err
}

// lacking lists the steps up to last at which wanted rows or snapshots are missing. ended has the run measured at last,
// whatever its schedule.
func (w wants) lacking(db *store.DB, dir string, p Planned, last int, ended bool) ([]int, error) {
	c := p.Config
	missing, err := c.Probe.Snapshots.Missing(dir, c.Arch.Layers)
	if err != nil {
		return nil, err
	}
	lacks := map[int]bool{}
	for _, step := range missing {
		lacks[step] = true
	}
	pairs, err := w.pairs(p)
	if err != nil {
		return nil, err
	}
	for _, pair := range append(pairs[:len(pairs):len(pairs)], probes.Pair{Site: "run", Statistic: "loss"}) {
		series, err := db.Series(store.Select{Run: p.ID, Site: pair.Site, Statistic: pair.Statistic})
		if err != nil {
			return nil, err
		}
		measured := map[int]bool{}
		for _, s := range series {
			for _, step := range s.Steps {
				measured[step] = true
			}
		}
		for step := range last + 1 {
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

// resumable is the step of the newest checkpoint in a run's folder from which the run can go on: what is wanted of the
// steps before it was measured. 0 where there is none.
func (w wants) resumable(dir string, p Planned) (int, error) {
	kept, err := trainer.Kept(dir)
	if err != nil || len(kept) == 0 {
		return 0, err
	}
	shard := filepath.Join(dir, shardFile)
	if _, err := os.Stat(shard); err != nil {
		return 0, nil
	}
	db, err := store.OpenReadOnly(shard)
	if err != nil {
		return 0, err
	}
	defer func() { _ = db.Close() }()
	newest := min(kept[len(kept)-1], p.Config.Train.Steps)
	lacking, err := w.lacking(db, dir, p, newest-1, false)
	if err != nil {
		return 0, err
	}
	if len(lacking) > 0 {
		newest = lacking[0]
	}
	from := 0
	for _, step := range kept {
		if step <= newest {
			from = step
		}
	}
	return from, nil
}

// renew drops the checkpoints of a run that it cannot go on from. Those that are not sound stay: the trainer refuses them by
// name.
func renew(dir string, p Planned) error {
	from, err := wants{}.resumable(dir, p)
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

// errHeld is wrapped where another process works in a run's folder.
var errHeld = errors.New("another process is training this run")

// lock makes this process the only one that works in a run's folder, until it ends. It waits a while for a worker whose
// coordinator was killed, which stops within a step.
func lock(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o666)
	if err != nil {
		return nil, fmt.Errorf("experiments: %w", err)
	}
	for range 100 {
		if err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err == nil {
			return f, nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	_ = f.Close()
	return nil, fmt.Errorf("experiments: %s: %w: %w", dir, errHeld, err)
}
