package optim

import "math"

// Gradient sums the gradients of a batch's slices and computes the norm of the sum.
type Gradient struct {
	threads Threads
	parts   [][]Param
	squares []float64 // of each part
	part    func(thread, i int)
}

// NewGradient returns a Gradient of the given parameters.
func NewGradient(threads Threads, params []Param) *Gradient {
	g := &Gradient{threads: threads, parts: cut(params)}
	g.squares = make([]float64, len(g.parts))
	g.part = g.sumPart
	return g
}

// Sum adds the buffers in each parameter's Further to its Grad, in order, and returns the Euclidean norm of all
// gradients together. It allocates nothing.
func (g *Gradient) Sum() float64 {
	g.threads.Team.Run(len(g.parts), g.part)
	squares := 0.0
	for _, s := range g.squares {
		squares += s
	}
	return math.Sqrt(squares)
}

func (g *Gradient) sumPart(thread, i int) {
	dev := g.threads.Devices[thread]
	g.squares[i] = 0
	for _, p := range g.parts[i] {
		for _, further := range p.Further {
			dev.Add(p.Grad, p.Grad, further)
		}
		g.squares[i] += dev.SumSquares(p.Grad)
	}
}

// ClipFactor returns the factor by which to multiply a gradient of the given norm so that its norm is at most max
// (arXiv 1211.5063). The factor is 1 if max is 0, which means no clipping, or if norm is not finite.
func ClipFactor(norm, max float64) float32 {
	if max > 0 && norm > max && !math.IsInf(norm, 0) {
		return float32(max / norm)
	}
	return 1
}
