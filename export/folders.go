package export

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/outcrop-lab/outcrop/store"
)

// folder is where a run's events go.
type folder struct{ path, run string }

// runFolders gives each run the folder SWEEP/ARM/seed-N of every sweep that it is a member of, or its id where it is in
// none. Where several runs would share a folder (an arm with an exploded key, names that differ in what a folder's cannot
// hold), each adds its id. Runs that are planned only have no folder.
func runFolders(db *store.DB, runs []store.Run) ([]folder, error) {
	sweeps, err := db.Sweeps()
	if err != nil {
		return nil, err
	}
	var all []folder
	member := map[string]bool{}
	for _, sweep := range sweeps {
		members, err := db.RunsOf(sweep.Name)
		if err != nil {
			return nil, err
		}
		for _, m := range members {
			if slices.ContainsFunc(runs, func(r store.Run) bool { return r.ID == m.Run.ID }) {
				member[m.Run.ID] = true
				all = append(all, folder{filepath.Join(safe(sweep.Name), safe(m.Member.Arm), fmt.Sprintf("seed-%d", m.Member.Seed)), m.Run.ID})
			}
		}
	}
	for _, r := range runs {
		if !member[r.ID] {
			all = append(all, folder{safe(r.ID), r.ID})
		}
	}
	sharing := map[string]int{} // some file systems do not tell capitals
	for _, f := range all {
		sharing[strings.ToLower(f.path)]++
	}
	for i, f := range all {
		if sharing[strings.ToLower(f.path)] > 1 {
			all[i].path += "-" + safe(f.run)
		}
	}
	slices.SortFunc(all, func(a, b folder) int { return cmp.Or(cmp.Compare(a.path, b.path), cmp.Compare(a.run, b.run)) })
	return slices.Compact(all), nil // a run of two sweeps whose names became one
}

// longest is a folder's name in bytes, at most.
const longest = 100

// safe makes a folder's name of any text: letters, digits and a few signs stay, all else is "_"; it does not begin with a
// point, is not empty and not longer than any file system takes.
func safe(name string) string {
	var b strings.Builder
	for _, r := range name {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_.,=+@ ", r) || r == unicode.ReplacementChar || r == '.' && b.Len() == 0 {
			r = '_'
		}
		if b.Len()+len(string(r)) > longest {
			break
		}
		b.WriteRune(r)
	}
	if text := strings.TrimRight(b.String(), " ."); text != "" {
		return text
	}
	return "_"
}
