package predict

import (
	"slices"

	"github.com/outcrop-lab/outcrop/rng"
)

// node is a node of a tree. A row with x[feature] <= threshold goes left. A leaf has left = 0, and value is the mean of
// its targets.
type node struct {
	feature     int
	threshold   float64
	left, right int32
	value       float64
}

// tree is a regression tree (Breiman et al. 1984). The root comes first.
type tree []node

// Predict implements Model.
func (t tree) Predict(x []float64) float64 {
	at := int32(0)
	for t[at].left != 0 {
		if x[t[at].feature] <= t[at].threshold {
			at = t[at].left
		} else {
			at = t[at].right
		}
	}
	return t[at].value
}

// grouped is a table with each column encoded as indices into its sorted distinct values. Architectures have few
// distinct values, so that finding a node's best split is a short walk over them.
type grouped struct {
	values [][]float64 // [features][distinct], increasing
	codes  [][]int32   // [features][rows]
}

// group encodes x, [rows][features].
func group(x [][]float64) grouped {
	var g grouped
	if len(x) == 0 {
		return g
	}
	g.values, g.codes = make([][]float64, len(x[0])), make([][]int32, len(x[0]))
	for f := range x[0] {
		all := make([]float64, len(x))
		for r := range x {
			all[r] = x[r][f]
		}
		slices.Sort(all)
		g.values[f] = slices.Compact(all)
		g.codes[f] = make([]int32, len(x))
		for r := range x {
			code, _ := slices.BinarySearch(g.values[f], x[r][f])
			g.codes[f][r] = int32(code)
		}
	}
	return g
}

// grower grows a tree greedily. It splits each node where this reduces the sum of squares most, midway between two
// neighbouring values of the node's rows.
type grower struct {
	data     grouped
	y        []float64
	depth    int       // the largest depth; 0 for no limit
	features int       // how many features are tried at a node; 0 for all
	random   *rng.Rand // shuffles the features, which also breaks ties; nil tries them in order
	tree     tree

	order  []int
	sums   []float64
	counts []int32
}

// grow returns a tree over the rows, which it reorders.
func (g *grower) grow(rows []int32) tree {
	most := 0
	for _, v := range g.data.values {
		most = max(most, len(v))
	}
	g.order, g.sums, g.counts = make([]int, len(g.data.values)), make([]float64, most), make([]int32, most)
	for f := range g.order {
		g.order[f] = f
	}
	g.tree = nil
	g.split(rows, 1)
	return g.tree
}

// split adds the node of those rows and its subtree, and returns the node's index. It partitions rows in place.
func (g *grower) split(rows []int32, depth int) int32 {
	at := int32(len(g.tree))
	var sum float64
	low, high := g.y[rows[0]], g.y[rows[0]]
	for _, r := range rows {
		sum += g.y[r]
		low, high = min(low, g.y[r]), max(high, g.y[r])
	}
	g.tree = append(g.tree, node{value: sum / float64(len(rows))})
	if low == high || g.depth > 0 && depth > g.depth {
		return at
	}
	feature, code, found := g.best(rows, sum)
	if !found {
		return at
	}
	codes := g.data.codes[feature]
	cut := 0
	lower, upper := int32(-1), int32(len(g.data.values[feature]))
	for i, r := range rows {
		if c := codes[r]; c <= code {
			lower = max(lower, c)
			rows[cut], rows[i] = rows[i], rows[cut]
			cut++
		} else {
			upper = min(upper, c)
		}
	}
	threshold := (g.data.values[feature][lower] + g.data.values[feature][upper]) / 2
	left := g.split(rows[:cut], depth+1)
	right := g.split(rows[cut:], depth+1)
	g.tree[at] = node{feature: feature, threshold: threshold, left: left, right: right}
	return at
}

// best returns the split with the least remaining sum of squares: rows with at most that code of the feature go left. A
// feature that is constant over the rows does not count towards the features to try.
func (g *grower) best(rows []int32, sum float64) (feature int, code int32, found bool) {
	if g.random != nil {
		g.random.Shuffle(len(g.order), func(i, j int) { g.order[i], g.order[j] = g.order[j], g.order[i] })
	}
	n := float64(len(rows))
	least := sum * sum / n * (1 + 1e-12)
	tried := 0
	for _, f := range g.order {
		if g.features > 0 && tried == g.features {
			break
		}
		codes := g.data.codes[f]
		width := len(g.data.values[f])
		if width < 2 {
			continue
		}
		sums, counts := g.sums[:width], g.counts[:width]
		clear(sums)
		clear(counts)
		for _, r := range rows {
			c := codes[r]
			sums[c] += g.y[r]
			counts[c]++
		}
		var left, leftCount float64
		splits := false
		for c := range width - 1 {
			if counts[c] == 0 {
				continue
			}
			left += sums[c]
			leftCount += float64(counts[c])
			if leftCount == n {
				break
			}
			splits = true
			right := sum - left
			if gain := left*left/leftCount + right*right/(n-leftCount); gain > least {
				least, feature, code, found = gain, f, int32(c), true
			}
		}
		if splits {
			tried++
		}
	}
	return feature, code, found
}
