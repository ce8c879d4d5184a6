package probes

import (
	"slices"
	"strings"
)

// Plan says which statistics are computed at which sites.
type Plan struct {
	entries []entry
}

// entry is one statistic at one site, or at every parameter of its kind if site is "".
type entry struct {
	name      string
	statistic Statistic
	site      string
}

// Pair names a site and a statistic as in the rows.
type Pair struct{ Site, Statistic string }

// Default lists the names of the default statistics of a model, sorted. smaller is the smaller one of its context and
// width.
func Default(smaller int) []string {
	return slices.DeleteFunc(Names(), func(name string) bool {
		s := statistics[name]
		return s.Beyond || s.UpTo > 0 && smaller > s.UpTo
	})
}

// NewPlan returns the plan of the statistics in names. Statistics whose Of is Tokens are computed at the given sites,
// or each at the site that it declares if sites is empty. The names must be known to Lookup.
func NewPlan(sites, names []string) Plan {
	var p Plan
	for _, name := range Names() {
		s := statistics[name]
		if !slices.Contains(names, name) {
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

// Sites lists the sites that the plan needs from a forward pass, sorted by name.
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

// sites returns the sites that an entry reads.
func (e entry) sites() []string {
	if e.site == "" {
		return nil
	}
	if e.statistic.Of == Tokens {
		return []string{e.site}
	}
	return e.statistic.Needs
}

// Weights reports whether the plan needs the parameters.
func (p Plan) Weights() bool {
	return slices.ContainsFunc(p.entries, func(e entry) bool {
		return e.site == "" ||
			slices.ContainsFunc(e.sites(), func(site string) bool { return strings.HasPrefix(site, Weight) })
	})
}

// Length1 reports whether the plan has a statistic that is computed on sequences of one token.
func (p Plan) Length1() bool {
	return slices.ContainsFunc(p.entries, func(e entry) bool { return e.statistic.Length1 })
}

// Measure computes every statistic of the plan whose sites the layer has, appends its rows to rows, and returns the
// result. length1 is the same layer on sequences of one token; it may be nil if the plan needs no such sequences.
func (p Plan) Measure(rows []Value, l, length1 *Layer) []Value {
	p.each(l, length1, func(e entry, l *Layer, at *Site) {
		for _, v := range e.statistic.Compute(l, at) {
			v.Site, v.Statistic, v.Layer = at.Name, e.name, l.Index
			rows = append(rows, v)
		}
	})
	return rows
}

// Pairs lists the pairs for which Measure would return rows. It computes nothing, so the sites need not hold data.
func (p Plan) Pairs(l *Layer) []Pair {
	var pairs []Pair
	p.each(l, l, func(e entry, _ *Layer, at *Site) { pairs = append(pairs, Pair{at.Name, e.name}) })
	return pairs
}

// each calls f for every entry and each site of a layer at which it is computed.
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
