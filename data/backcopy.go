package data

import (
	"cmp"
	"fmt"
	"os"
	"slices"

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
	ChainSeed uint64 `json:"chain_seed" doc:"seed of the generated chain, independent of the run's seed"`
	Vocab     int    `json:"vocab" doc:"number of characters in the generated chain, without BOS"`
	Triggers  int    `json:"triggers" doc:"number of triggers: the most frequent characters"`
	File      string `json:"file" doc:"text file whose byte bigrams form the chain; if empty, the chain is generated"`
}

// Validate implements Settings.
func (s *Backcopy) Validate() error {
	if s.Vocab < 4 {
		return variant.Errorf("vocab", "must be at least 4, is %d", s.Vocab)
	}
	if s.Triggers < 1 || s.Triggers > s.Vocab/2 {
		return variant.Errorf("triggers", "must be from 1 to half of vocab (%d), is %d", s.Vocab/2, s.Triggers)
	}
	return nil
}

// Digest implements Settings.
func (s *Backcopy) Digest() (string, error) {
	kind := fmt.Sprintf("backcopy chain_seed=%d vocab=%d triggers=%d", s.ChainSeed, s.Vocab, s.Triggers)
	if s.File == "" {
		return digestOf(kind, nil)
	}
	return digestOf(kind, []string{s.File})
}

// Open implements Settings.
func (s *Backcopy) Open(context int) (Source, error) {
	if s.File == "" {
		return newBackcopy(zipfChain(s.ChainSeed, s.Vocab), s.Triggers, context), nil
	}
	text, err := os.ReadFile(s.File)
	if err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	chain, err := bigrams(text)
	if err != nil {
		return nil, fmt.Errorf("data: %s: %w", s.File, err)
	}
	if len(chain) < 2*s.Triggers {
		return nil, fmt.Errorf("data: %s has %d distinct characters, too few for %d triggers",
			s.File, len(chain), s.Triggers)
	}
	return newBackcopy(chain, s.Triggers, context), nil
}

// zipfChain returns the generated chain P, [v][v].
func zipfChain(seed uint64, v int) [][]float64 {
	chain, total := make([][]float64, v), 0.0
	for rank := 1; rank <= v; rank++ {
		total += 1 / float64(rank)
	}
	for c := range chain {
		chain[c] = make([]float64, v)
		for rank, next := range rng.New(seed, "chain").At(c).Rand().Perm(v) {
			chain[c][next] = 1 / (float64(rank+1) * total)
		}
	}
	return chain
}

// bigrams returns the transition probabilities between the text's distinct bytes, numbered in byte order, [n][n]. A
// byte without a successor gets a uniform row.
func bigrams(text []byte) ([][]float64, error) {
	if len(text) < 2 {
		return nil, fmt.Errorf("%d bytes hold no bigram", len(text))
	}
	index, n := [256]int{}, 0
	for b := range 256 {
		if slices.Contains(text, byte(b)) {
			index[b] = n
			n++
		}
	}
	chain := make([][]float64, n)
	for c := range chain {
		chain[c] = make([]float64, n)
	}
	for i := range len(text) - 1 {
		chain[index[text[i]]][index[text[i+1]]]++
	}
	for _, row := range chain {
		total := 0.0
		for _, p := range row {
			total += p
		}
		for j := range row {
			if total == 0 {
				row[j] = 1 / float64(n)
			} else {
				row[j] /= total
			}
		}
	}
	return chain, nil
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
		s.chain = append(s.chain, append(slices.Clone(row), 0))
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
	for range 1000 {
		next := make([]float64, v)
		for a, row := range chain {
			for b, q := range row {
				next[b] += p[a] * q / 2
			}
			next[a] += p[a] / 2
		}
		p = next
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

// Truth implements Source. It returns the character's row of the chain, or nil for BOS and for triggers: the token
// after a trigger is certain.
func (s *backcopy) Truth(token int32) []float64 {
	if int(token) >= len(s.chain) || s.trigger[token] {
		return nil
	}
	return s.chain[token]
}
