package results

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/outcrop-lab/outcrop/count"
	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/store"
)

// Apart names merged runs of an arm that did not join the stored sweep of the same name. They are runs of no sweep.
//
// A run joins an arm if it differs from the arm's runs in no key but the seed and the keys in which these differ among
// themselves. An arm that the stored sweep lacks joins if its runs differ from those of the other arms only in keys
// that the arms set; so does one that has no trained run here, if it sets the same. The paths of files do not count;
// the digest of the data does.
type Apart struct {
	Sweep string   `json:"sweep"`
	Arm   string   `json:"arm"`
	Runs  []string `json:"runs"`
	Why   string   `json:"why"`
}

// String says which runs did not join, why, and what to do.
func (a Apart) String() string {
	ids := make([]string, len(a.Runs))
	for i, id := range a.Runs {
		ids[i] = store.Short(id)
	}
	return fmt.Sprintf("%s of %s/%s did not join the sweep of that name here (%s): %s; merged as %s of no "+
		"sweep. If the sweeps are not the same, rename theirs in its file, run it again where it was trained, which trains "+
		"nothing again, and merge again", count.Of(len(ids), "run"), a.Sweep, a.Arm, strings.Join(ids, ", "),
		a.Why, count.Agree(len(ids), "a run", "runs"))
}

// joining makes the merged runs of another database's sweeps members of the stored sweeps of the same names.
type joining struct {
	db    *store.DB
	same  map[string]string // from the other database's id of a run to ours
	files []string          // keys that do not count
}

// join joins the sweeps of the database at the path, whose runs are merged already. It counts in m.
func (j joining) join(path string, m *Merged) error {
	sweeps, members, err := store.SweepsIn(path)
	if err != nil {
		return err
	}
	for _, s := range sweeps {
		if err := j.sweep(s, members[s.Name], m); err != nil {
			return err
		}
	}
	return nil
}

// sweep joins one sweep. A run that the other database only plans is left out without a word.
func (j joining) sweep(theirs store.Sweep, members []store.Member, m *Merged) error {
	ours, had, err := j.armsOf(theirs.Name)
	if err != nil {
		return err
	}
	arms, joined, place := []store.Arm{}, []store.Member{}, len(had)
	for _, a := range theirs.Arms {
		apart := map[string][]string{} // ids by the reason
		for _, member := range members {
			if id, ok := j.same[member.Run]; ok {
				member.Run = id
			}
			if member.Arm != a.Name || had[a.Name+" "+member.Run] {
				continue
			}
			r, stored, err := j.db.RunByID(member.Run)
			if err != nil || !stored || r.Config == "" {
				if err != nil {
					return err
				}
				continue
			}
			keys, err := j.values(r)
			if err != nil {
				return err
			}
			if why := refusal(ours, a, keys); why != "" {
				apart[why] = append(apart[why], member.Run)
				continue
			}
			member.Order, place = place, place+1
			joined = append(joined, member)
		}
		if ours[a.Name] == nil && slices.ContainsFunc(joined, func(m store.Member) bool { return m.Arm == a.Name }) {
			arms = append(arms, store.Arm{Name: a.Name, Differs: a.Differs, Order: len(ours) + len(arms)})
		}
		for _, why := range slices.Sorted(maps.Keys(apart)) {
			m.Apart = append(m.Apart, Apart{theirs.Name, a.Name, apart[why], why})
		}
	}
	if len(joined) == 0 {
		return nil
	}
	m.Joined += len(joined)
	return j.db.JoinSweep(theirs.Name, arms, joined)
}

// armKeys is what the runs of an arm have in common.
type armKeys struct {
	stored store.Arm
	set    []string       // keys that the arm sets otherwise than the base
	values map[string]any // of the first stored run, by key; nil if no run is stored
	vary   map[string]bool
}

// armsOf describes the arms of a stored sweep, and lists its members as "ARM RUN".
func (j joining) armsOf(sweep string) (arms map[string]*armKeys, had map[string]bool, err error) {
	stored, _, err := j.db.Sweep(sweep)
	if err != nil {
		return nil, nil, err
	}
	runs, err := j.db.RunsOf(sweep)
	if err != nil {
		return nil, nil, err
	}
	arms, had = map[string]*armKeys{}, map[string]bool{}
	for _, a := range stored.Arms {
		arms[a.Name] = &armKeys{stored: a, set: keysSet(a), vary: map[string]bool{}}
	}
	for _, r := range runs {
		had[r.Member.Arm+" "+r.Run.ID] = true
		if r.Run.Config == "" {
			continue // only planned
		}
		values, err := j.values(r.Run)
		if err != nil {
			return nil, nil, err
		}
		a := arms[r.Member.Arm]
		if a.values == nil {
			a.values = values
		}
		for _, key := range differing(a.values, values) {
			a.vary[key] = true
		}
	}
	return arms, had, nil
}

// keysSet lists the keys that an arm sets otherwise than its base. The data's digest follows the keys of the data.
func keysSet(a store.Arm) (keys []string) {
	var list []struct {
		Key string `json:"key"`
	}
	_ = json.Unmarshal([]byte(a.Differs), &list) // a text of another form sets nothing
	for _, one := range list {
		keys = append(keys, one.Key)
		if one.Key == "data" || strings.HasPrefix(one.Key, "data.") {
			keys = append(keys, "data_digest")
		}
	}
	return keys
}

func (j joining) values(r store.Run) (map[string]any, error) {
	list, err := seedless(r)
	values := map[string]any{}
	for _, s := range list {
		if !slices.Contains(j.files, s.Key) {
			values[s.Key] = s.Value
		}
	}
	return values, err
}

// differing lists the keys in which two configurations differ, sorted.
func differing(a, b map[string]any) (keys []string) {
	for key, v := range a {
		if w, ok := b[key]; !ok || !settings.Same(v, w) {
			keys = append(keys, key)
		}
	}
	for key := range b {
		if _, ok := a[key]; !ok {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// refusal says why a run with the given values does not join the arm; "" if it does.
func refusal(arms map[string]*armKeys, theirs store.Arm, values map[string]any) string {
	own := arms[theirs.Name]
	if own != nil && own.values != nil {
		keys := slices.DeleteFunc(differing(own.values, values), func(key string) bool { return own.vary[key] })
		return different(theirs.Name, keys, own.values, values)
	}
	if own != nil && own.stored.Differs != theirs.Differs {
		return fmt.Sprintf("the arm sets %s here, and %s there", own.stored.Differs, theirs.Differs)
	}
	set, compared := keysSet(theirs), false // an arm without a run here is compared with all others
	for _, name := range slices.Sorted(maps.Keys(arms)) {
		a := arms[name]
		if a.values == nil {
			continue
		}
		compared = true
		keys := slices.DeleteFunc(differing(a.values, values), func(key string) bool {
			return a.vary[key] || within(key, set) || within(key, a.set)
		})
		if why := different(name, keys, a.values, values); why != "" {
			return why
		}
	}
	if !compared {
		return "no run is stored here that they could be compared with; train one, or merge one, and merge again"
	}
	return ""
}

// within reports whether a key is one of keys or belongs to a slot that is one of them.
func within(key string, keys []string) bool {
	return slices.ContainsFunc(keys, func(k string) bool { return key == k || strings.HasPrefix(key, k+".") })
}

// different says in which keys runs differ from those of an arm, with the first few values here and there. It
// returns "" if keys is empty.
func different(arm string, keys []string, here, there map[string]any) string {
	if len(keys) == 0 {
		return ""
	}
	var parts []string
	for _, key := range keys[:min(len(keys), namesShown)] {
		parts = append(parts, fmt.Sprintf("%s (%v here, %v there)", key, orNone(here[key]), orNone(there[key])))
	}
	if len(keys) > namesShown {
		parts = append(parts, count.Of(len(keys)-namesShown, "more key"))
	}
	return fmt.Sprintf("they differ from the runs of %s here in %s", arm, strings.Join(parts, ", "))
}

func orNone(v any) any {
	if v == nil || v == "" {
		return "none"
	}
	return v
}
