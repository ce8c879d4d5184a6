// Package results reads and changes a results folder: names of runs, status, comparisons, fits, merging, removal, and
// the documents that verbs print as JSON.
package results

import (
	"fmt"
	"slices"
	"strings"

	"github.com/outcrop-lab/outcrop/count"
	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/store"
	"github.com/outcrop-lab/outcrop/variant"
)

// Target is what a name on the command line stands for: the runs of a sweep, the runs of an arm, or one run.
type Target struct {
	// Sweep is "" if the name is a run's id. Arm is "" if the name is a run's id or stands for a sweep.
	Sweep, Arm string
	// One is true if the name stands for a single run.
	One  bool
	Runs []store.MemberRun
}

// namesShown is the number of names that a message lists.
const namesShown = 5

// Find finds what a name stands for. The name has the form SWEEP, SWEEP/ARM or SWEEP/ARM/SEED, or is a run's id or the
// beginning of one. A trailing slash marks the name of a sweep. If the name stands for nothing or for more than one
// thing, Find returns a *settings.InputError with the nearest names.
func Find(db *store.DB, name string) (Target, error) {
	n, err := namesIn(db)
	if err != nil {
		return Target{}, err
	}
	return n.find(name)
}

// FindRun finds the one run that a name stands for. If the name is that of a sweep or an arm, the error is a
// *settings.InputError.
func FindRun(db *store.DB, name string) (store.MemberRun, error) {
	n, err := namesIn(db)
	if err != nil {
		return store.MemberRun{}, err
	}
	t, err := n.find(name)
	if err != nil {
		return store.MemberRun{}, err
	}
	if !t.One {
		return store.MemberRun{}, badName("%q stands for %s: name one of them%s",
			name, count.Of(len(t.Runs), "run"), listed(n.ofTarget(t)))
	}
	return t.Runs[0], nil
}

// RunNames lists the names by which a user may refer to the runs of a database: SWEEP/ARM/SEED, and the first twelve
// digits of each id.
func RunNames(db *store.DB) ([]string, error) {
	n, err := namesIn(db)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, r := range n.runs {
		all = append(all, store.Short(r.Run.ID))
	}
	for _, sweep := range n.sweeps {
		for _, m := range n.members[sweep] {
			all = append(all, memberName(m))
		}
	}
	return all, nil
}

// names holds the runs of a database, each once, and its sweeps.
type names struct {
	path    string
	runs    []store.MemberRun
	sweeps  []string
	members map[string][]store.MemberRun
}

func namesIn(db *store.DB) (n names, err error) {
	n = names{path: db.Path(), members: map[string][]store.MemberRun{}}
	runs, err := db.Runs()
	if err != nil {
		return n, err
	}
	known := map[string]bool{}
	for _, r := range runs {
		known[r.ID] = true
		n.runs = append(n.runs, store.MemberRun{Member: store.Member{Seed: r.Seed, Run: r.ID}, Run: r})
	}
	sweeps, err := db.Sweeps()
	if err != nil {
		return n, err
	}
	for _, s := range sweeps {
		n.sweeps = append(n.sweeps, s.Name)
		if n.members[s.Name], err = db.RunsOf(s.Name); err != nil {
			return n, err
		}
		for _, m := range n.members[s.Name] {
			if !known[m.Run.ID] { // it is only planned
				known[m.Run.ID] = true
				n.runs = append(n.runs, m)
			}
		}
	}
	return n, nil
}

func (n names) find(name string) (Target, error) {
	if strings.Contains(name, "/") {
		return n.findMembers(strings.Split(strings.TrimSuffix(name, "/"), "/"), name)
	}
	isSweep := slices.Contains(n.sweeps, name)
	found := slices.DeleteFunc(slices.Clone(n.runs), func(r store.MemberRun) bool {
		return name == "" || !strings.HasPrefix(r.Run.ID, name)
	})
	switch {
	case isSweep && len(found) > 0:
		return Target{}, badName("%q is a sweep and also %s: write %s/ for the sweep, or more of the id",
			name, beginning(len(found)), name)
	case isSweep:
		return Target{Sweep: name, Runs: n.members[name]}, nil
	case len(found) == 1:
		return Target{One: true, Runs: found}, nil
	case len(found) > 1:
		var ids []string
		for _, r := range found {
			ids = append(ids, store.Short(r.Run.ID))
		}
		return Target{}, badName("%s begin with %q: write more of the id%s", count.Of(len(found), "run"), name, listed(ids))
	}
	var ids []string
	for _, r := range n.runs { // the name is compared with as many digits of each id as it has
		ids = append(ids, r.Run.ID[:min(len(r.Run.ID), max(len(name), 4))])
	}
	whose, begins := "none of the "+count.Of(len(n.runs), "run"), "begins"
	if len(n.runs) == 1 {
		whose, begins = "the only run", "does not begin"
	}
	return Target{}, badName("%s in %s %s with %q, and no sweep has that name%s", whose, n.path, begins, name,
		nearest(name, append(slices.Clone(n.sweeps), ids...)))
}

// findMembers finds SWEEP, SWEEP/ARM or SWEEP/ARM/SEED, given its parts.
func (n names) findMembers(parts []string, name string) (Target, error) {
	t := Target{Sweep: parts[0]}
	if !slices.Contains(n.sweeps, t.Sweep) {
		return t, badName("%q: %v", name, variant.Unknown("sweep", t.Sweep, n.sweeps))
	}
	t.Runs = n.members[t.Sweep]
	if len(parts) == 1 {
		return t, nil
	}
	t.Arm = parts[1]
	var arms, seeds []string
	var ofArm, ofSeed []store.MemberRun
	for _, m := range t.Runs {
		if !slices.Contains(arms, m.Member.Arm) {
			arms = append(arms, m.Member.Arm)
		}
		if m.Member.Arm != t.Arm {
			continue
		}
		seed := fmt.Sprint(m.Member.Seed)
		ofArm, seeds = append(ofArm, m), append(seeds, seed)
		if len(parts) > 2 && seed == parts[2] {
			ofSeed = append(ofSeed, m)
		}
	}
	switch {
	case ofArm == nil:
		return t, badName("%q: %v", name, variant.Unknown("arm", t.Arm, arms))
	case len(parts) == 2:
		t.Runs = ofArm
		return t, nil
	case len(parts) > 3 || ofSeed == nil:
		return t, badName("%q: the arm has no such seed; it has %s", name, strings.Join(seeds, ", "))
	case len(ofSeed) > 1:
		var ids []string
		for _, m := range ofSeed {
			ids = append(ids, store.Short(m.Run.ID))
		}
		return t, badName("%q stands for %s, which differ in more than the seed: name one by its id%s",
			name, count.Of(len(ofSeed), "run"), listed(ids))
	}
	t.Runs, t.One = ofSeed, true
	return t, nil
}

// ofTarget lists the names of a target's runs.
func (n names) ofTarget(t Target) []string {
	var all []string
	for _, m := range t.Runs {
		all = append(all, memberName(m))
	}
	return all
}

func memberName(m store.MemberRun) string {
	return fmt.Sprintf("%s/%s/%d", m.Member.Sweep, m.Member.Arm, m.Member.Seed)
}

func beginning(runs int) string {
	if runs == 1 {
		return "the beginning of a run's id"
	}
	return "the beginning of the ids of " + count.Of(runs, "run")
}

func listed(names []string) string {
	if len(names) == 0 {
		return ""
	}
	more := ""
	if len(names) > namesShown {
		more = fmt.Sprintf(" and %d more", len(names)-namesShown)
	}
	return " (" + strings.Join(names[:min(len(names), namesShown)], ", ") + more + ")"
}

func nearest(name string, known []string) string {
	if near, ok := variant.Nearest(name, known); ok {
		return fmt.Sprintf(", did you mean %q?", near)
	}
	return ""
}

func badName(format string, args ...any) error {
	return settings.Refuse(settings.Fault{File: "name", Message: fmt.Sprintf(format, args...)})
}
