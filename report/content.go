package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"regexp"
	"strings"

	"al.essio.dev/pkg/shellescape"

	"github.com/outcrop-lab/outcrop/count"
	"github.com/outcrop-lab/outcrop/plots"
	"github.com/outcrop-lab/outcrop/store"
)

// content is what the page shows, in the page's order.
type content struct {
	Name, Source, Summary string
	Remarks               []remark
	Arms                  []armRow
	Figures               []figure
	Fits                  []fitRow
	Metrics               []metricRow
	Derived, Underived    []derivedTable // tables with rows, and tables without
	Risks                 bool           // whether any run has the two risks
	Runs                  []runRow
	Conflicts             []conflictRow
	Differences           []differenceRow
	Commands              []string
}

type armRow struct {
	Name    string
	Differs []setting
	Runs    int
	Seeds   string
}

type setting struct{ Key, Value string }

// figure is a drawing, or the reason why it is missing.
type figure struct {
	Name, Caption, Missing string
	SVG                    template.HTML
}

type runRow struct {
	store.Run
	Arm   string
	Short string
}

type conflictRow struct {
	store.Conflict
	Short, Kept, Other string
}

type differenceRow struct {
	store.Difference
	Short string
}

func read(db *store.DB, sweep string) (content, error) {
	s, _, err := db.Sweep(sweep)
	if err != nil {
		return content{}, err
	}
	if sweep == "" || s.Name == "" {
		return content{}, errors.New("the database holds no sweep of that name")
	}
	members, err := db.RunsOf(sweep)
	if err != nil {
		return content{}, err
	}
	c := content{Name: s.Name, Remarks: remarks(s.Source), Source: s.Source}
	in := map[string]bool{}
	status := map[string]int{}
	for _, m := range members {
		if !in[m.Run.ID] {
			status[m.Run.Status]++
		}
		in[m.Run.ID] = true
		c.Runs = append(c.Runs, runRow{Run: m.Run, Arm: m.Member.Arm, Short: plots.ShortID(m.Run.ID)})
	}
	c.Summary = summary(len(s.Arms), len(in), status)
	for _, a := range s.Arms {
		c.Arms = append(c.Arms, arm(a, members))
	}
	if c.Figures, err = figures(db, sweep); err != nil {
		return content{}, err
	}
	if c.Fits, err = fits(db, members); err != nil {
		return content{}, err
	}
	if err := c.readMetrics(db, members); err != nil {
		return content{}, err
	}
	if err := c.readDerived(db, members); err != nil {
		return content{}, err
	}
	if err := c.readDisagreements(db, in); err != nil {
		return content{}, err
	}
	name := shellescape.Quote(sweep)
	c.Commands = []string{"outcrop run " + name + ".yaml", "outcrop plot --sweep " + name,
		"outcrop report --sweep " + name}
	return c, nil
}

// remark is a paragraph of the comment at the head of a sweep file. Label is the word before the colon, as in
// `Paper: …`.
type remark struct{ Label, Text string }

var label = regexp.MustCompile(`^([A-Z][a-z]+):\s+(.*)$`)

// remarks reads the comment at the head of the sweep file. A paragraph begins at a line with a label and after an empty
// line; other lines continue the paragraph before.
func remarks(source string) (all []remark) {
	begin := true
	for line := range strings.Lines(source) {
		text, comment := strings.CutPrefix(strings.TrimSpace(line), "#")
		if !comment {
			break
		}
		text = strings.TrimSpace(text)
		switch found := label.FindStringSubmatch(text); {
		case text == "":
			begin = true
			continue
		case found != nil:
			all = append(all, remark{found[1], found[2]})
		case begin:
			all = append(all, remark{"", text})
		default:
			all[len(all)-1].Text += " " + text
		}
		begin = false
	}
	return all
}

func summary(arms, runs int, status map[string]int) string {
	text := fmt.Sprintf("%s, %s", count.Of(arms, "arm"), count.Of(runs, "run"))
	for _, s := range []string{"done", "diverged", "failed", "stopped", "running", store.Planned} {
		if n := status[s]; n > 0 {
			text += fmt.Sprintf(", %d %s", n, s)
		}
	}
	return text + "."
}

func arm(a store.Arm, members []store.MemberRun) armRow {
	row := armRow{Name: a.Name, Differs: settings(a.Differs)}
	var seeds []string
	for _, m := range members {
		if m.Member.Arm == a.Name {
			row.Runs++
			if s := fmt.Sprint(m.Member.Seed); len(seeds) == 0 || seeds[len(seeds)-1] != s {
				seeds = append(seeds, s)
			}
		}
	}
	row.Seeds = strings.Join(seeds, ", ")
	return row
}

// settings reads JSON in the order in which it is written: an object of dotted keys, nested objects, or a list of
// {key, value}. It returns any other text unchanged, as a value without a key.
func settings(differs string) []setting {
	var list []struct {
		Key   string
		Value json.RawMessage
	}
	if json.Unmarshal([]byte(differs), &list) == nil {
		var all []setting
		for _, s := range list {
			all = append(all, setting{s.Key, plain(s.Value)})
		}
		return all
	}
	all, err := flattened("", []byte(differs))
	if err != nil && differs != "" {
		return []setting{{"", differs}}
	}
	return all
}

// flattened returns an object's settings with dotted keys. It keeps the order of the keys, which a map would lose.
func flattened(prefix string, object []byte) ([]setting, error) {
	d := json.NewDecoder(bytes.NewReader(object))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("not an object")
	}
	var all []setting
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		at := prefix + fmt.Sprint(key)
		inner, err := flattened(at+".", value)
		if err != nil {
			all = append(all, setting{at, plain(value)})
			continue
		}
		all = append(all, inner...)
	}
	return all, nil
}

// plain returns a JSON value as YAML writes it: a string without its quotes.
func plain(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) == nil {
		return text
	}
	return string(value)
}

// figures returns all figures of package plots, the emergence figure first. A figure without rows says why.
func figures(db *store.DB, sweep string) ([]figure, error) {
	names := []string{"emergence"}
	for _, name := range plots.Names() {
		if name != names[0] {
			names = append(names, name)
		}
	}
	var all []figure
	for _, name := range names {
		svg, caption, err := plots.SVG(db, sweep, name)
		if errors.Is(err, store.ErrCorrupt) {
			return nil, err
		}
		if err != nil {
			all = append(all, figure{Name: name, Missing: err.Error()})
			continue
		}
		all = append(all, figure{Name: name, Caption: caption, SVG: template.HTML(inline(svg))})
	}
	return all, nil
}

var sized = regexp.MustCompile(`width="[^"]*pt" height="[^"]*pt" viewBox`)

// inline turns an SVG document into an element that fills the width of its card.
func inline(svg []byte) string {
	text := string(svg[max(0, bytes.Index(svg, []byte("<svg"))):])
	return sized.ReplaceAllString(text, "viewBox")
}

func (c *content) readDisagreements(db *store.DB, in map[string]bool) error {
	conflicts, err := db.Conflicts()
	if err != nil {
		return err
	}
	for _, x := range conflicts {
		if in[x.Run] {
			c.Conflicts = append(c.Conflicts, conflictRow{x, plots.ShortID(x.Run), number(x.Kept), number(x.Other)})
		}
	}
	differences, err := db.Differences()
	if err != nil {
		return err
	}
	for _, x := range differences {
		if in[x.Run] && x.Rows > 0 {
			c.Differences = append(c.Differences, differenceRow{x, plots.ShortID(x.Run)})
		}
	}
	return nil
}

// commit shortens a commit's hash and keeps the mark of a modified working tree.
func commit(c string) string {
	hash, modified, _ := strings.Cut(c, "+")
	hash = hash[:min(10, len(hash))]
	if modified != "" {
		return hash + " +"
	}
	return hash
}
