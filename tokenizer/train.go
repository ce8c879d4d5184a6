package tokenizer

import (
	"cmp"
	"container/heap"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/outcrop-lab/outcrop/count"
)

// Train makes a tokenizer of vocab tokens from texts: the 256 bytes and vocab-256 merges. Each merge joins the pair
// that is then most frequent; of several, the one whose left and then right token has the lowest id. The merges and
// their order are those of the library tokenizers' BpeTrainer with ByteLevel's alphabet, over the same sequences: each
// text is one sequence, as if it were one item of train_from_iterator, or with byLine each of its lines with its end,
// as by train(files). A departure: counts are 64 bits wide, where that library's are 32.
//
// Train returns an error if vocab is below 257, or if the texts have too few pairs for it.
func Train(texts []io.Reader, vocab int, byLine bool) (*Tokenizer, error) {
	if vocab <= 256 {
		return nil, fmt.Errorf("tokenizer: a vocabulary of %d: must be at least 257, the 256 bytes and a merge", vocab)
	}
	t := fresh()
	counts, err := occurrences(texts, byLine)
	if err != nil {
		return nil, err
	}
	l := newLearner(t, counts)
	for len(t.tokens) < vocab {
		if !l.learn() {
			return nil, fmt.Errorf("tokenizer: the text has pairs for %s alone, not for %d: "+
				"give more text or a smaller vocabulary", count.Of(len(t.tokens), "entry"), vocab)
		}
	}
	return t, nil
}

// learner is the state of a training: the distinct words as tokens, and where each pair occurs.
type learner struct {
	t      *Tokenizer
	ids    map[string]uint32 // of each token's bytes
	words  [][]uint32
	counts []int64 // of each word
	pairs  map[pair]int64
	queue  frequent
}

// newLearner returns the state of a training before the first merge.
func newLearner(t *Tokenizer, counts map[string]int64) *learner {
	l := &learner{t: t, ids: map[string]uint32{}, pairs: map[pair]int64{}}
	for id, token := range t.tokens {
		l.ids[string(token)] = uint32(id)
	}
	places := map[pair][]int32{}
	for _, text := range slices.Sorted(maps.Keys(counts)) {
		at := int32(len(l.words))
		w := make([]uint32, len(text))
		for i := range len(text) {
			w[i] = t.bytes[text[i]]
		}
		l.words, l.counts = append(l.words, w), append(l.counts, counts[text])
		for i := range len(w) - 1 {
			p := pair{w[i], w[i+1]}
			l.pairs[p] += counts[text]
			places[p] = appendNew(places[p], at)
		}
	}
	l.enqueue(places)
	return l
}

// learn makes the next merge. It reports false if no pair is left.
func (l *learner) learn() bool {
	for len(l.queue) > 0 {
		top := l.queue[0]
		if n := l.pairs[top.pair]; top.count != n {
			l.queue[0].count = n
			heap.Fix(&l.queue, 0)
			continue
		}
		if top.count < 1 {
			return false
		}
		heap.Pop(&l.queue)
		l.apply(top)
		return true
	}
	return false
}

// apply merges a pair in the words that hold it. A pair may come up a second time in other words, if its left or right
// token can be made in two ways; the merge then counts twice, and no token is new.
func (l *learner) apply(f occurrence) {
	t := l.t
	bytes := slices.Concat(t.tokens[f.pair.left], t.tokens[f.pair.right])
	into, ok := l.ids[string(bytes)]
	if !ok {
		into = uint32(len(t.tokens))
		t.tokens = append(t.tokens, bytes)
		l.ids[string(bytes)] = into
	}
	t.ranks[f.pair] = merge{int32(len(t.merges)), into}
	t.merges = append(t.merges, f.pair)
	made := map[pair][]int32{}
	for _, at := range f.places {
		l.merge(at, f.pair, into, made)
	}
	l.enqueue(made)
}

// merge replaces a pair in one word, and counts the pairs that vanish and those that are made.
func (l *learner) merge(at int32, p pair, into uint32, made map[pair][]int32) {
	w, n := l.words[at], l.counts[at]
	gain := func(q pair) {
		l.pairs[q] += n
		made[q] = appendNew(made[q], at)
	}
	out := w[:0]
	for i := 0; i < len(w); i++ {
		if i+1 == len(w) || w[i] != p.left || w[i+1] != p.right {
			out = append(out, w[i])
			continue
		}
		if k := len(out); k > 0 {
			l.pairs[pair{out[k-1], p.left}] -= n
			gain(pair{out[k-1], into})
		}
		if i+2 < len(w) {
			l.pairs[pair{p.right, w[i+2]}] -= n
			gain(pair{into, w[i+2]})
		}
		out = append(out, into)
		i++
	}
	l.words[at] = out
}

// enqueue adds pairs with the words in which they were made.
func (l *learner) enqueue(places map[pair][]int32) {
	for p, at := range places {
		if n := l.pairs[p]; n > 0 {
			heap.Push(&l.queue, occurrence{p, n, at})
		}
	}
}

// appendNew appends a place unless it is already the last.
func appendNew(places []int32, at int32) []int32 {
	if k := len(places); k > 0 && places[k-1] == at {
		return places
	}
	return append(places, at)
}

// occurrence is a pair, how often it occurred when it was enqueued, and the words, some of which may hold it no more.
type occurrence struct {
	pair   pair
	count  int64
	places []int32
}

// frequent is a heap of pairs, the most frequent first.
type frequent []occurrence

func (f frequent) Len() int { return len(f) }

func (f frequent) Less(i, j int) bool {
	a, b := f[i], f[j]
	return cmp.Or(-cmp.Compare(a.count, b.count), cmp.Compare(a.pair.left, b.pair.left),
		cmp.Compare(a.pair.right, b.pair.right), slices.Compare(a.places, b.places)) < 0
}

func (f frequent) Swap(i, j int) { f[i], f[j] = f[j], f[i] }

// Push implements heap.Interface.
func (f *frequent) Push(x any) { *f = append(*f, x.(occurrence)) }

// Pop implements heap.Interface.
func (f *frequent) Pop() any {
	last := len(*f) - 1
	x := (*f)[last]
	*f = (*f)[:last]
	return x
}
