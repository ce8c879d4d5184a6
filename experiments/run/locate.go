package run

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/outcrop-lab/outcrop/experiments/folder"
	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/store"
	"github.com/outcrop-lab/outcrop/variant"
)

// Locate finds the files that the configuration of a stored run names, because a database does not say where relative
// paths start. It tries the place that the run's folder states, the current folder, and the folder that holds the
// results. It takes the first place whose data have the run's digest, or exist if the run has no digest yet. Without
// such a place it returns a *settings.InputError that says what was looked for, and where.
func (r *Run) Locate(results string) error {
	files := settings.Files(&r.Config)
	if len(files) == 0 {
		return nil
	}
	dir, err := folder.Of(results, r.ID)
	if err != nil {
		return err
	}
	own, _, _ := Assigned(dir) // without a run's folder it says nothing
	stated := map[string]string{}
	for _, f := range settings.Files(&own.Config) {
		stated[f.Key] = f.Path.At
	}
	var tried []string
	changed := ""
	for _, from := range []string{"", ".", filepath.Dir(filepath.Clean(results))} {
		for _, f := range files {
			if err := place(f.Path, from, stated[f.Key]); err != nil {
				return r.lost(f.Key, err.Error())
			}
			if at := f.Path.At; at != "" && !slices.Contains(tried, at) {
				tried = append(tried, at)
			}
		}
		if files[0].Path.At == "" {
			continue
		}
		digest, err := r.Config.Data.Value.Digest()
		if err == nil && (digest == r.DataDigest || r.DataDigest == "") {
			return nil
		}
		if err == nil {
			changed = cmp.Or(changed, r.otherContent(digest).Error())
		}
	}
	first := files[0]
	if changed != "" {
		return r.lost(first.Key, changed)
	}
	wanted := ""
	if r.DataDigest != "" {
		wanted = fmt.Sprintf(" with the digest %.12s", r.DataDigest)
	}
	return r.lost(first.Key, fmt.Sprintf("no data%s in %s, as %q is written: put the data back, or train the sweep's "+
		"file with --set %s=FILE", wanted, strings.Join(tried, " or "), first.Path.Written, first.Key))
}

// place sets where a path lies: in the folder from or, if that is "", where the run's folder states.
func place(p *variant.Path, from, stated string) error {
	if p.At = stated; from == "" {
		return nil
	}
	from, err := filepath.Abs(from)
	if err != nil {
		return err
	}
	*p, err = variant.PathIn(from, p.Written)
	return err
}

func (r *Run) lost(key, message string) error {
	return settings.Refuse(settings.Fault{File: "run " + store.Short(r.ID), Key: key, Message: message})
}
