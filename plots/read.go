package plots

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/outcrop-lab/outcrop/store"
	"github.com/outcrop-lab/outcrop/variant"
)

// experiment is a sweep as figures see it.
type experiment struct {
	db   *store.DB
	name string
	arms []arm
}

type arm struct {
	name  string
	style armStyle
	runs  []store.Run // by seed
}

// read finds a sweep. Arms without a run stay, so that the others keep their colours.
func read(db *store.DB, sweep string) (experiment, error) {
	s, _, err := db.Sweep(sweep)
	if err != nil {
		return experiment{}, err
	}
	if sweep == "" || s.Name == "" {
		return experiment{}, unknownSweep(db, sweep)
	}
	members, err := db.RunsOf(sweep)
	if err != nil {
		return experiment{}, err
	}
	e := experiment{db: db, name: printable(sweep)}
	for i, a := range s.Arms {
		next := arm{name: printable(a.Name), style: styleOf(i)}
		for _, m := range members {
			if m.Member.Arm == a.Name {
				next.runs = append(next.runs, m.Run)
			}
		}
		e.arms = append(e.arms, next)
	}
	return e, nil
}

func unknownSweep(db *store.DB, sweep string) error {
	all, err := db.Sweeps()
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return errors.New("the database holds no sweep")
	}
	var names []string
	for _, s := range all {
		names = append(names, s.Name)
	}
	return variant.Unknown("sweep", sweep, names)
}

// curve is one measured series of a run, its NaNs left out.
type curve struct {
	run    string
	layer  int
	steps  []float64
	values []float64
}

// curves reads a statistic of all runs of an arm, one curve per run and layer: the largest value over heads and idx at
// each step. A run without rows has none.
func (e experiment) curves(a arm, site, statistic string) ([]curve, error) {
	var all []curve
	for _, r := range a.runs {
		series, err := e.db.Series(store.Select{Run: r.ID, Site: site, Statistic: statistic})
		if err != nil {
			return nil, err
		}
		byLayer := map[int]map[int]float64{}
		for _, s := range series {
			if byLayer[s.Layer] == nil {
				byLayer[s.Layer] = map[int]float64{}
			}
			at := byLayer[s.Layer]
			for i, step := range s.Steps {
				v := s.Values[i]
				if old, ok := at[step]; !math.IsNaN(v) && (!ok || v > old) {
					at[step] = v
				}
			}
		}
		for _, layer := range sortedKeys(byLayer) {
			c := curve{run: r.ID, layer: layer}
			for _, step := range sortedKeys(byLayer[layer]) {
				c.steps = append(c.steps, float64(step))
				c.values = append(c.values, byLayer[layer][step])
			}
			if len(c.steps) > 0 {
				all = append(all, c)
			}
		}
	}
	return all, nil
}

func sortedKeys[V any](m map[int]V) []int {
	keys := make([]int, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// median is the pointwise median over curves, at the steps that most of them share: those where at least half of the
// curves have a value.
func median(curves []curve) curve {
	at := map[int][]float64{}
	for _, c := range curves {
		for i, step := range c.steps {
			at[int(step)] = append(at[int(step)], c.values[i])
		}
	}
	var m curve
	for _, step := range sortedKeys(at) {
		values := at[step]
		if 2*len(values) < len(curves) {
			continue
		}
		slices.Sort(values)
		k := len(values) / 2
		v := values[k]
		if len(values)%2 == 0 {
			v = (values[k-1] + values[k]) / 2
		}
		m.steps, m.values = append(m.steps, float64(step)), append(m.values, v)
	}
	return m
}

// ofLayer picks one layer's curves.
func ofLayer(curves []curve, layer int) []curve {
	return slices.DeleteFunc(slices.Clone(curves), func(c curve) bool { return c.layer != layer })
}

// layersOf lists the layers of all arms' curves.
func layersOf(curves [][]curve) []int {
	seen := map[int]bool{}
	for _, cs := range curves {
		for _, c := range cs {
			seen[c.layer] = true
		}
	}
	return sortedKeys(seen)
}

// extent is a growing range of numbers.
type extent struct {
	lo, hi float64
	any    bool
}

func (e *extent) add(values ...float64) {
	for _, v := range values {
		if !e.any {
			*e = extent{v, v, true}
		}
		e.lo, e.hi = min(e.lo, v), max(e.hi, v)
	}
}

// shapes lists the distinct values of a function of (context, width) over the runs, increasing. A run whose
// configuration does not tell gives none.
func (e experiment) shapes(of func(context, width int) int) []int {
	seen := map[int]bool{}
	for _, a := range e.arms {
		for _, r := range a.runs {
			var c struct {
				Arch struct{ Context, Width int } `json:"arch"`
			}
			if json.Unmarshal([]byte(r.Config), &c) == nil && c.Arch.Context > 1 && c.Arch.Width > 0 {
				seen[of(c.Arch.Context, c.Arch.Width)] = true
			}
		}
	}
	return sortedKeys(seen)
}

// provenance is the end of every caption: how many runs of how many, and which. has tells whether a run is drawn.
func (e experiment) provenance(has map[string]bool) string {
	drawn, all := 0, 0
	var arms []string
	for _, a := range e.arms {
		var ids []string
		for _, r := range a.runs {
			all++
			if has[r.ID] {
				drawn++
				ids = append(ids, fmt.Sprintf("%s (seed %d)", shortID(r.ID), r.Seed))
			}
		}
		if len(ids) > 0 {
			arms = append(arms, a.name+" "+strings.Join(ids, ", "))
		}
	}
	return fmt.Sprintf("Sweep %s, %d of %d runs: %s.", e.name, drawn, all, strings.Join(arms, "; "))
}

func shortID(id string) string { return printable(id[:min(8, len(id))]) }

func (e experiment) seeds(has map[string]bool) string {
	lo, hi := math.MaxInt, 0
	for _, a := range e.arms {
		n := 0
		for _, r := range a.runs {
			if has[r.ID] {
				n++
			}
		}
		if n > 0 {
			lo, hi = min(lo, n), max(hi, n)
		}
	}
	switch {
	case hi == 1:
		return "one seed per arm"
	case lo == hi:
		return fmt.Sprintf("%d seeds per arm", hi)
	}
	return fmt.Sprintf("%d to %d seeds per arm", lo, hi)
}

// drawnRuns is the set of runs that have a curve.
func drawnRuns(curves ...[][]curve) map[string]bool {
	has := map[string]bool{}
	for _, set := range curves {
		for _, cs := range set {
			for _, c := range cs {
				has[c.run] = true
			}
		}
	}
	return has
}

// ErrNothing is the error of a figure whose rows are not there: not measured yet, or not wanted.
var ErrNothing = errors.New("nothing to draw yet")

// nothing is the error of a figure whose rows are not there.
func (e experiment) nothing(site, statistic string) error {
	runs := 0
	for _, a := range e.arms {
		runs += len(a.runs)
	}
	return fmt.Errorf("sweep %s: %w: none of its %d runs has a value of %s at %s", e.name, ErrNothing, runs, statistic, site)
}
