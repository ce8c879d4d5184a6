package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/outcrop-lab/outcrop/experiments/results"
	"github.com/outcrop-lab/outcrop/store"
	"github.com/outcrop-lab/outcrop/variant"
)

// sweepNamed returns the stored sweep with the given name. The name may have a trailing slash.
func sweepNamed(db *store.DB, name string) (store.Sweep, error) {
	sweeps, err := db.Sweeps()
	if err != nil {
		return store.Sweep{}, err
	}
	names := make([]string, len(sweeps))
	for i, s := range sweeps {
		if names[i] = s.Name; s.Name == strings.TrimSuffix(name, "/") {
			return s, nil
		}
	}
	return store.Sweep{}, usageError{fmt.Errorf("%s: %w", db.Path(), variant.Unknown("sweep", name, names))}
}

// runsNamed returns the ids of the runs that a name stands for. It can be the name of a run, an arm or a sweep.
func runsNamed(db *store.DB, name string) ([]string, error) {
	target, err := results.Find(db, name)
	var ids []string
	for _, m := range target.Runs {
		if !slices.Contains(ids, m.Run.ID) {
			ids = append(ids, m.Run.ID)
		}
	}
	return ids, err
}
