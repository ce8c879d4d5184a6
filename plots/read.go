package plots

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/outcrop-lab/outcrop/count"
	"github.com/outcrop-lab/outcrop/derive"
	"github.com/outcrop-lab/outcrop/fit"
	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/store"
	"github.com/outcrop-lab/outcrop/variant"
)

// experiment is a sweep as the figures read it.
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

// read reads a sweep. It keeps arms without a run, so that the other arms keep their colours.
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

// curve is one series of a run without its NaNs.
type curve struct {
	run    string
	seed   uint64
	layer  int // -1 if the curve is reduced over layers
	steps  []float64
	values []float64
}

// measured holds the curves of a sweep by arm. A run without measurements has no curve.
type measured [][]curve

// scalar reads a scalar of all runs: a curve for each run and layer.
func (e experiment) scalar(s derive.Scalar) (measured, error) {
	return e.collect(func(run string) ([]derive.Curve, error) {
		curves, err := s.Read(e.db, run)
		var missing *derive.Missing
		if errors.As(err, &missing) {
			return nil, nil
		}
		return curves, err
	})
}

// collect reads the curves of all runs.
func (e experiment) collect(of func(run string) ([]derive.Curve, error)) (measured, error) {
	m := make(measured, len(e.arms))
	for i, a := range e.arms {
		for _, r := range a.runs {
			curves, err := of(r.ID)
			if err != nil {
				return nil, err
			}
			for _, c := range curves {
				one := curve{run: r.ID, seed: r.Seed, layer: c.Layer}
				for k, v := range c.Values {
					if !math.IsNaN(v) {
						one.steps, one.values = append(one.steps, float64(c.Steps[k])), append(one.values, v)
					}
				}
				if len(one.steps) > 0 {
					m[i] = append(m[i], one)
				}
			}
		}
	}
	return m, nil
}

// layers returns the layers of all curves, sorted.
func (m measured) layers() []int {
	seen := map[int]bool{}
	for _, curves := range m {
		for _, c := range curves {
			seen[c.layer] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// layer returns the curves of one layer.
func (m measured) layer(layer int) measured {
	kept := make(measured, len(m))
	for i, curves := range m {
		kept[i] = ofLayer(curves, layer)
	}
	return kept
}

func ofLayer(curves []curve, layer int) []curve {
	return slices.DeleteFunc(slices.Clone(curves), func(c curve) bool { return c.layer != layer })
}

// values returns the range of all curves' values.
func (m measured) values() (e extent) {
	for _, curves := range m {
		for _, c := range curves {
			e.add(c.values...)
		}
	}
	return e
}

// steps returns the range of all curves' steps.
func (m measured) steps() (e extent) {
	for _, curves := range m {
		for _, c := range curves {
			e.add(c.steps...)
		}
	}
	return e
}

// runs returns the set of runs that have a curve.
func (m measured) runs() map[string]bool {
	has := map[string]bool{}
	for _, curves := range m {
		for _, c := range curves {
			has[c.run] = true
		}
	}
	return has
}

// median returns the pointwise median over curves, at the steps at which at least half of the curves have a value.
func median(curves []curve) curve {
	at := map[float64][]float64{}
	for _, c := range curves {
		for i, step := range c.steps {
			at[step] = append(at[step], c.values[i])
		}
	}
	var m curve
	for _, step := range slices.Sorted(maps.Keys(at)) {
		if 2*len(at[step]) >= len(curves) {
			m.steps, m.values = append(m.steps, step), append(m.values, fit.Median(at[step]))
		}
	}
	return m
}

// extent is the range of the numbers added to it.
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

// shapes returns the distinct values of a function of context and width over the runs, in increasing order. It skips a
// run whose configuration does not give both.
func (e experiment) shapes(of func(context, width int) int) []int {
	seen := map[int]bool{}
	for _, a := range e.arms {
		for _, r := range a.runs {
			list, err := settings.Parse(r.Config)
			if err != nil {
				continue
			}
			context, _ := settings.Number(list, "arch.context")
			width, _ := settings.Number(list, "arch.width")
			if context > 1 && width > 0 {
				seen[of(int(context), int(width))] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// provenance returns the sentence that ends every caption: how many of the sweep's runs are drawn, and which. has holds
// the runs that are drawn.
func (e experiment) provenance(has map[string]bool) string {
	drawn, all := 0, 0
	var arms []string
	for _, a := range e.arms {
		var ids []string
		for _, r := range a.runs {
			all++
			if has[r.ID] {
				drawn++
				ids = append(ids, fmt.Sprintf("%s (seed %d)", ShortID(r.ID), r.Seed))
			}
		}
		if len(ids) > 0 {
			arms = append(arms, a.name+" "+strings.Join(ids, ", "))
		}
	}
	return fmt.Sprintf("Sweep %s, %d of %s: %s.", e.name, drawn, count.Of(all, "run"), strings.Join(arms, "; "))
}

// ShortID returns the first 8 digits of a run's id, as figures and reports show it. Eight digits are enough to tell the
// runs of one sweep apart, and short enough for captions that list many runs. store.Short returns 12 digits, because
// commands must find a run among all runs of a database.
func ShortID(id string) string { return printable(id[:min(8, len(id))]) }

// seeds returns in words how many runs of each arm are drawn.
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
		return fmt.Sprintf("%s per arm", count.Of(hi, "seed"))
	}
	return fmt.Sprintf("%d to %d seeds per arm", lo, hi)
}

// ErrNothing is returned for a figure without data. Its rows or snapshots were not requested, were not measured yet or
// no longer exist, or a snapshot has nothing that can be shown.
var ErrNothing = errors.New("nothing to draw yet")

// nothing returns the error of a figure whose rows no run has.
func (e experiment) nothing(need derive.Need) error {
	runs := 0
	for _, a := range e.arms {
		runs += len(a.runs)
	}
	return fmt.Errorf("sweep %s: %w: of its %s none has a value of %s at %s", e.name, ErrNothing, count.Of(runs, "run"),
		need.Statistic, need.Site)
}
