package probes

import (
	"slices"
	"strings"
)

// Plan is which statistics are computed at which sites.
type Plan struct {
	entries []entry
}

// entry is one statistic at one site; at every parameter of its kind where site is "".
type entry struct {
	name      string
	statistic Statistic
	site      string
}

// Pair is a statistic at a site, as rows bear them.
type Pair struct{ Site, Statistic string }

// NewPlan chooses the named statistics, and the sites of those that take tokens. Without names it takes the default
// statistics, and each at the site that it declares. Statistics must be known.
func NewPlan(sites, names []string) Plan {
	var p Plan
	for _, name := range Names() {
		s := statistics[name]
		if len(names) == 0 && s.Beyond || len(names) > 0 && !slices.Contains(names, name) {
			continue
		}
		switch {
		case s.Of == Matrices || s.Of == Gains:
			p.entries = append(p.entries, entry{name: name, statistic: s})
		case s.Of == Tokens && len(sites) > 0:
			for _, site := range sites {
				p.entries = append(p.entries, entry{name, s, site})
			}
		default:
			p.entries = append(p.entries, entry{name, s, s.Needs[0]})
		}
	}
	return p
}

// Sites lists the sites that the plan needs of a forward pass, sorted.
func (p Plan) Sites() []string {
	var sites []string
	for _, e := range p.entries {
		for _, site := range e.sites() {
			if !strings.HasPrefix(site, Weight) {
				sites = append(sites, site)
			}
		}
	}
	slices.Sort(sites)
	return slices.Compact(sites)
}

// sites are those that an entry reads.
func (e entry) sites() []string {
	if e.site == "" {
		return nil
	}
	if e.statistic.Of == Tokens {
		return []string{e.site}
	}
	return e.statistic.Needs
}

// Weights tells whether the plan needs parameters.
func (p Plan) Weights() bool {
	return slices.ContainsFunc(p.entries, func(e entry) bool {
		return e.site == "" || slices.ContainsFunc(e.sites(), func(site string) bool { return strings.HasPrefix(site, Weight) })
	})
}

// Length1 tells whether the plan needs sequences of one token.
func (p Plan) Length1() bool {
	return slices.ContainsFunc(p.entries, func(e entry) bool { return e.statistic.Length1 })
}

// Measure appends the rows of every statistic whose sites the layer shows. length1 shows the same sites on sequences of
// one token; it is nil where the plan does not need it.
func (p Plan) Measure(rows []Value, l, length1 *Layer) []Value {
	p.each(l, length1, func(e entry, l *Layer, at *Site) {
		for _, v := range e.statistic.Compute(l, at) {
			v.Site, v.Statistic, v.Layer = at.Name, e.name, l.Index
			rows = append(rows, v)
		}
	})
	return rows
}

// Pairs lists what Measure would give rows of, computing nothing: the sites' data may be absent.
func (p Plan) Pairs(l *Layer) []Pair {
	var pairs []Pair
	p.each(l, l, func(e entry, _ *Layer, at *Site) { pairs = append(pairs, Pair{at.Name, e.name}) })
	return pairs
}

// each calls f for every entry and site of a layer that go together.
func (p Plan) each(l, length1 *Layer, f func(e entry, l *Layer, at *Site)) {
	for _, e := range p.entries {
		on := l
		if e.statistic.Length1 {
			on = length1
		}
		if on == nil || slices.ContainsFunc(e.sites(), func(site string) bool { return on.Site(site) == nil }) {
			continue
		}
		if e.site != "" {
			if at := on.Site(e.site); e.statistic.Of != Tokens || on.tokens(at) {
				f(e, on, at)
			}
			continue
		}
		for i := range on.Sites {
			if at := &on.Sites[i]; e.statistic.Of == Matrices && at.isMatrix() || e.statistic.Of == Gains && at.isGain() {
				f(e, on, at)
			}
		}
	}
}
