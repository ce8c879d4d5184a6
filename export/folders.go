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

// folder is the folder of a run's event file.
type folder struct{ path, run string }

// runFolders gives each run the folder SWEEP/ARM/seed-N of every sweep that it is a member of, or a folder named by its
// id if it is in none. If several runs would share a folder (an arm with an exploded key, names that differ only in
// characters that a folder's name cannot hold), each appends its id. Runs that are only planned have no folder.
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
				seed := fmt.Sprintf("seed-%d", m.Member.Seed)
				all = append(all, folder{filepath.Join(safe(sweep.Name), safe(m.Member.Arm), seed), m.Run.ID})
			}
		}
	}
	for _, r := range runs {
		if !member[r.ID] {
			all = append(all, folder{safe(r.ID), r.ID})
		}
	}
	sharing := map[string]int{} // some file systems ignore case
	for _, f := range all {
		sharing[strings.ToLower(f.path)]++
	}
	for i, f := range all {
		if sharing[strings.ToLower(f.path)] > 1 {
			all[i].path += "-" + safe(f.run)
		}
	}
	slices.SortFunc(all, func(a, b folder) int { return cmp.Or(cmp.Compare(a.path, b.path), cmp.Compare(a.run, b.run)) })
	return slices.Compact(all), nil // two sweeps of a run may get the same folder name
}

// longest is the maximum length of a folder's name, in bytes.
const longest = 100

// safe turns any text into a folder's name: letters, digits and a few punctuation marks stay, and everything else
// becomes "_". The name does not begin with a dot, is not empty, and is short enough for any file system.
func safe(name string) string {
	var b strings.Builder
	for _, r := range name {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_.,=+@ ", r) ||
			r == unicode.ReplacementChar || r == '.' && b.Len() == 0 {
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
