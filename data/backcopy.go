package data

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/outcrop-lab/outcrop/count"
	"github.com/outcrop-lab/outcrop/rng"
	"github.com/outcrop-lab/outcrop/variant"
)

// Backcopy is the bigram-backcopy task (arXiv 2410.13835). A sequence starts with BOS and then a character that is not
// a trigger. A trigger is followed by a copy of the character before it. Any other character c is followed by a draw
// from row c of a bigram chain P.
//
// If File is empty, the chain is generated: the probabilities in row c are proportional to 1/rank, where the ranks are
// a permutation drawn from ChainSeed and c. Otherwise P holds the frequencies of the byte bigrams in that file. In both
// cases the triggers are the most frequent characters of the chain's stationary distribution, and Triggers is their
// number. If the triggers have more than .5 of the probability in a row, the row is rescaled so that they have .5. No
// row of the chain of the paper's text needs this cap. Without the cap, a character that is always followed by the same
// trigger would absorb the chain.
type Backcopy struct {
	ChainSeed uint64       `json:"chain_seed" doc:"seed of the generated chain, independent of the run's seed"`
	Vocab     int          `json:"vocab" doc:"number of characters in the generated chain, without BOS"`
	Triggers  int          `json:"triggers" doc:"number of triggers: the most frequent characters"`
	File      variant.Path `json:"file" doc:"text file, relative to the sweep's, whose byte bigrams form the chain; if empty, it is drawn"`
}

// A chain of v characters has v² entries. An entry takes a probability and a cumulative one, in a heap that may hold as
// much garbage. secondsPerEntry is the processor time to make it and to find the stationary distribution, as `go test
// ./data -bench Chain` reports it (an AMD EPYC, 2026-12-01, beside other work).
const (
	bytesPerEntry   = 2 * (8 + 8)
	secondsPerEntry = 1.2e-6
	mostCharacters  = 8192 // 2.1 GB, 80 s
)

// Validate implements Settings.
func (s *Backcopy) Validate() error {
	if s.Vocab < 4 {
		return variant.Errorf("vocab", "must be at least 4, is %d", s.Vocab)
	}
	if s.Vocab > mostCharacters {
		return variant.Errorf("vocab", "must be at most %d, is %d: the chain has vocab x vocab probabilities, "+
			"which take %.1f GB and %.0f s at that limit", mostCharacters, s.Vocab,
			bytesPerEntry*mostCharacters*mostCharacters/1e9, secondsPerEntry*mostCharacters*mostCharacters)
	}
	if s.Triggers < 1 || s.Triggers > s.Vocab/2 {
		return variant.Errorf("triggers", "must be from 1 to half of vocab (%d), is %d", s.Vocab/2, s.Triggers)
	}
	return nil
}

// Digest implements Settings.
func (s *Backcopy) Digest() (string, error) {
	survey, err := s.Survey(context.Background(), 0)
	return survey.Digest, err
}

// Survey implements Settings. It makes no chain.
func (s *Backcopy) Survey(ctx context.Context, _ int) (survey Survey, err error) {
	v := s.Vocab
	if s.File.Written != "" {
		counts, digest, err := s.count(ctx)
		if err != nil {
			return survey, err
		}
		v, survey.Digest = counts.distinct(), digest
		survey.Files = []File{{s.File.Place(), counts.bytes, v}}
		survey.Seconds = secondsPerByte * float64(counts.bytes)
	} else if survey.Digest, err = walk(ctx, "file", s.kind(), nil, nil); err != nil {
		return survey, err
	}
	entries := float64(v) * float64(v)
	survey.Vocab, survey.Truth = v+1, true
	survey.Memory = bytesPerEntry * entries
	survey.Seconds += secondsPerEntry * entries
	return survey, nil
}

// kind spells the parameters for the digest.
func (s *Backcopy) kind() string {
	return fmt.Sprintf("backcopy chain_seed=%d vocab=%d triggers=%d", s.ChainSeed, s.Vocab, s.Triggers)
}

// Open implements Settings.
func (s *Backcopy) Open(sequence int) (Source, error) {
	if s.File.Written == "" {
		return newBackcopy(zipfChain(s.ChainSeed, s.Vocab), s.Triggers, sequence), nil
	}
	counts, _, err := s.count(context.Background())
	if err != nil {
		return nil, err
	}
	return newBackcopy(counts.chain(), s.Triggers, sequence), nil
}

// count counts the bigrams of File.
func (s *Backcopy) count(ctx context.Context) (c *bigrams, digest string, err error) {
	c = &bigrams{last: -1}
	digest, err = walk(ctx, "file", s.kind(), []origin{{name: s.File.Place()}}, func(int) look {
		return func(part []byte, _ int64) error {
			c.see(part)
			return nil
		}
	})
	if err != nil {
		return nil, "", err
	}
	if c.bytes < 2 {
		return nil, "", variant.Errorf("file", "%s: %s %s no bigram", s.File.Place(), count.Of(c.bytes, "byte"),
			count.Agree(c.bytes, "holds", "hold"))
	}
	if n := c.distinct(); n < 2*s.Triggers {
		return nil, "", variant.Errorf("file", "%s has %s, too few for %s",
			s.File.Place(), count.Of(n, "distinct character"), count.Of(s.Triggers, "trigger"))
	}
	return c, digest, nil
}

// zipfChain returns the generated chain P, [v][v].
func zipfChain(seed uint64, v int) [][]float64 {
	chain, total := make([][]float64, v), 0.0
	for rank := 1; rank <= v; rank++ {
		total += 1 / float64(rank)
	}
	for c := range chain {
		chain[c] = make([]float64, v, v+1) // newBackcopy appends the column of BOS
		for rank, next := range rng.New(seed, "chain").At(c).Rand().Perm(v) {
			chain[c][next] = 1 / (float64(rank+1) * total)
		}
	}
	return chain
}

// bigrams counts the pairs of adjacent bytes in a text.
type bigrams struct {
	bytes int
	last  int // the byte before the next one, -1 for none
	pairs [256][256]float64
	seen  [256]bool
}

func (c *bigrams) see(part []byte) {
	for _, b := range part {
		c.seen[b] = true
		if c.last >= 0 {
			c.pairs[c.last][b]++
		}
		c.last = int(b)
	}
	c.bytes += len(part)
}

// distinct returns the number of distinct bytes.
func (c *bigrams) distinct() (n int) {
	for _, seen := range c.seen {
		if seen {
			n++
		}
	}
	return n
}

// chain returns the transition probabilities between the text's distinct bytes, numbered in byte order, [n][n]. A byte
// without a successor gets a uniform row.
func (c *bigrams) chain() [][]float64 {
	n := c.distinct()
	chain := make([][]float64, 0, n)
	for a, pairs := range c.pairs {
		if !c.seen[a] {
			continue
		}
		row, total := make([]float64, 0, n+1), 0.0
		for b, count := range pairs {
			if c.seen[b] {
				row, total = append(row, count), total+count
			}
		}
		for j := range row {
			if total == 0 {
				row[j] = 1 / float64(n)
			} else {
				row[j] /= total
			}
		}
		chain = append(chain, row)
	}
	return chain
}

// backcopy is the source of the bigram-backcopy task.
type backcopy struct {
	context int
	chain   [][]float64 // P, [v][v+1]: the last column, for BOS, is 0
	sums    [][]float64 // cumulative rows of P, [v][v]
	first   []float64   // cumulative distribution of x_1, [v], not normalised
	trigger []bool
	rand    *rng.Rand
}

func newBackcopy(chain [][]float64, triggers, context int) *backcopy {
	v := len(chain)
	s := &backcopy{context: context, trigger: make([]bool, v), rand: heldOutStream(0).Rand()}
	order := make([]int, v)
	for c := range order {
		order[c] = c
	}
	stationary := stationaryOf(chain)
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(stationary[b], stationary[a]) })
	for _, c := range order[:triggers] {
		s.trigger[c] = true
	}
	for _, row := range chain {
		mass := 0.0
		for c, p := range row {
			if s.trigger[c] {
				mass += p
			}
		}
		if mass > .5 {
			for c := range row {
				switch {
				case s.trigger[c]:
					row[c] *= .5 / mass
				case mass < 1:
					row[c] *= .5 / (1 - mass)
				default: // only triggers follow: spread the other half evenly over the other characters
					row[c] = .5 / float64(v-triggers)
				}
			}
		}
		s.sums = append(s.sums, cumulative(row))
		s.chain = append(s.chain, append(row, 0))
	}
	for c := range stationary {
		if s.trigger[c] {
			stationary[c] = 0
		}
	}
	s.first = cumulative(stationary)
	return s
}

// stationaryOf returns the chain's stationary distribution, [v], approximated by 1,000 steps of the lazy chain
// (P + I)/2. Every character keeps some mass, at least 2^-1000/v, even if the chain never returns to it.
func stationaryOf(chain [][]float64) []float64 {
	v := len(chain)
	p := make([]float64, v)
	for c := range p {
		p[c] = 1 / float64(v)
	}
	next := make([]float64, v)
	for range 1000 {
		clear(next)
		for a, row := range chain {
			mass, to := p[a], next[:len(row)]
			for b, q := range row {
				to[b] += mass * q / 2
			}
			next[a] += mass / 2
		}
		p, next = next, p
	}
	return p
}

// cumulative returns the running sums of p.
func cumulative(p []float64) []float64 {
	sums, total := make([]float64, len(p)), 0.0
	for i, q := range p {
		total += q
		sums[i] = total
	}
	return sums
}

// draw samples an index from a cumulative distribution, which need not be normalised.
func draw(r *rng.Rand, sums []float64) int32 {
	u := r.Float64() * sums[len(sums)-1]
	lo, hi := 0, len(sums)-1
	for lo < hi {
		if mid := (lo + hi) / 2; sums[mid] > u {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return int32(lo)
}

// Vocab implements Source. It counts the characters and BOS, which is the last token.
func (s *backcopy) Vocab() int { return len(s.chain) + 1 }

// Batch implements Source.
func (s *backcopy) Batch(b *Batch, seed uint64, step, n int) {
	b.resize(n * s.context)
	s.rand.Reset(rng.New(seed, trainPurpose).At(step))
	for i := range n {
		s.sequence(b, i*s.context)
	}
}

// HeldOut implements Source.
func (s *backcopy) HeldOut(b *Batch, n int) {
	b.resize(n * s.context)
	for i := range n {
		s.rand.Reset(heldOutStream(i))
		s.sequence(b, i*s.context)
	}
}

// sequence fills one sequence of b, starting at position at.
func (s *backcopy) sequence(b *Batch, at int) {
	bos := int32(len(s.chain))
	before, token := int32(-1), bos
	for i := at; i < at+s.context; i++ {
		var next int32
		switch {
		case token == bos:
			b.Class[i], next = BOS, draw(s.rand, s.first)
		case s.trigger[token]:
			b.Class[i], next = Trigger, before
		default:
			b.Class[i], next = Ordinary, draw(s.rand, s.sums[token])
		}
		b.Tokens[i], b.Targets[i] = token, next
		before, token = token, next
	}
}

// Label implements Source.
func (s *backcopy) Label(token int32) string {
	if int(token) == s.Vocab()-1 {
		return "BOS"
	}
	return strconv.Itoa(int(token))
}

// Length implements Source.
func (s *backcopy) Length(int32) int { return 0 }

// Truth implements Source. It returns the character's row of the chain, or nil for BOS and for triggers: the token
// after a trigger is certain.
func (s *backcopy) Truth(token int32) []float64 {
	if int(token) >= len(s.chain) || s.trigger[token] {
		return nil
	}
	return s.chain[token]
}
