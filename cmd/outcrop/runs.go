package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/outcrop-lab/outcrop/store"
	"github.com/outcrop-lab/outcrop/variant"
)

// sweepNamed finds a stored sweep.
func sweepNamed(db *store.DB, name string) (store.Sweep, error) {
	sweeps, err := db.Sweeps()
	if err != nil {
		return store.Sweep{}, err
	}
	names := make([]string, len(sweeps))
	for i, s := range sweeps {
		if names[i] = s.Name; s.Name == name {
			return s, nil
		}
	}
	return store.Sweep{}, usageError{fmt.Errorf("%s: %w", db.Path(), variant.Unknown("sweep", name, names))}
}

// runsNamed are the runs of a stored sweep, or the one whose id begins so.
func runsNamed(db *store.DB, name string) ([]string, error) {
	members, err := db.RunsOf(name)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, m := range members {
		if !slices.Contains(ids, m.Run.ID) {
			ids = append(ids, m.Run.ID)
		}
	}
	if len(ids) > 0 {
		return ids, nil
	}
	known, err := knownRuns(db)
	if err != nil {
		return nil, err
	}
	for _, id := range known {
		if name != "" && strings.HasPrefix(id, name) {
			ids = append(ids, id)
		}
	}
	switch len(ids) {
	case 1:
		return ids, nil
	case 0:
		return nil, usageError{fmt.Errorf("%s: there is no sweep %q, and none of %d runs begins so", db.Path(), name, len(known))}
	}
	return nil, usageError{fmt.Errorf("%d runs begin with %q: say more of the id", len(ids), name)}
}

// knownRuns are the ids of all runs that are stored, planned or held.
func knownRuns(db *store.DB) ([]string, error) {
	ids := map[string]bool{}
	runs, err := db.Runs()
	if err != nil {
		return nil, err
	}
	for _, r := range runs {
		ids[r.ID] = true
	}
	leases, err := db.Leases()
	if err != nil {
		return nil, err
	}
	for id := range leases {
		ids[id] = true
	}
	all := make([]string, 0, len(ids))
	for id := range ids {
		all = append(all, id)
	}
	slices.Sort(all)
	return all, nil
}
